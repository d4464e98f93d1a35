package source

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// splitFolders are the folders below root that are splits.
type splitFolders struct {
	root    string
	of      map[string]split  // by folder; empty: the classes are right below root
	wrapper map[string]string // by folder: what lies between it and its classes, with a slash at its end
	val     split             // which of them validates
}

// splitFolders finds splits: folders that are named train and val, or folders that are all named as splits in some way,
// such as seg_train and seg_test.
func (c *catalog) splitFolders(root string, forced bool) (*splitFolders, error) {
	s := &splitFolders{root: root, of: map[string]split{}, wrapper: map[string]string{}}
	exact := map[split]bool{}
	all := true
	for _, f := range c.items {
		rest, in := strings.CutPrefix(f.Name, root)
		first, _, deeper := strings.Cut(rest, "/")
		if _, known := s.of[first]; known || !in || !deeper {
			continue
		}
		is, whole := splitOf(first)
		s.of[first] = is
		all = all && is != noSplit
		exact[is] = exact[is] || whole
	}
	there := func(is split) bool { return slices.Contains(slices.Collect(maps.Values(s.of)), is) }
	switch {
	case exact[trainSplit] && (exact[valSplit] || exact[testSplit]):
		maps.DeleteFunc(s.of, func(folder string, is split) bool { _, whole := splitOf(folder); return !whole })
	case !forced && all && len(s.of) > 1 && there(trainSplit):
		if err := s.merged(); err != nil {
			return nil, err
		}
	default:
		s.of = nil
		return s, nil
	}
	s.val = validates(there)
	c.wrappers(s)
	return s, nil
}

// merged refuses several folders of a split that are not numbered parts of it, such as train.X1 and train.X2.
func (s *splitFolders) merged() error {
	first := map[split]string{}
	for _, folder := range slices.Sorted(maps.Keys(s.of)) {
		is := s.of[folder]
		if other, twice := first[is]; twice && is != sideSplit && !slices.Equal(words(other), words(folder)) {
			return fmt.Errorf("%s and %s are both named as the split %s: give one folder of each split as a path of its own, or --format folders "+
				"to take these for classes", other, folder, is)
		}
		first[is] = folder
	}
	return nil
}

// wrappers finds a folder in a split that holds all of it and says the same once more, as in train/train/CLASS.
func (c *catalog) wrappers(s *splitFolders) {
	none := map[string]bool{}
	for _, f := range c.items {
		rest, in := strings.CutPrefix(f.Name, s.root)
		top, rest, _ := strings.Cut(rest, "/")
		is, split := s.of[top]
		if !in || !split || none[top] {
			continue
		}
		inner, below, deeper := strings.Cut(rest, "/")
		same, _ := splitOf(inner)
		if known, again := s.wrapper[top]; !deeper || !strings.Contains(below, "/") || same != is && inner != top || again && known != inner+"/" {
			none[top] = true
			delete(s.wrapper, top)
			continue
		}
		s.wrapper[top] = inner + "/"
	}
}

// place finds class and split of an image by its path, and its path in the folder of its class, or says why it has none.
func (s *splitFolders) place(name string) (class, rest string, inVal bool, cause string) {
	p, in := strings.CutPrefix(name, s.root)
	if !in {
		return "", "", false, "not in a class folder"
	}
	if len(s.of) > 0 {
		first, below, _ := strings.Cut(p, "/")
		switch is := s.of[first]; {
		case is == trainSplit:
		case is == s.val && is != noSplit:
			inVal = true
		case s.val == noSplit:
			return "", "", false, "not in " + s.names(trainSplit)
		default:
			return "", "", false, "neither in " + s.names(trainSplit) + " nor in " + s.names(s.val)
		}
		p = strings.TrimPrefix(below, s.wrapper[first])
	}
	class, rest, ok := strings.Cut(p, "/")
	if !ok {
		return "", "", false, "not in a class folder"
	}
	return class, rest, inVal, ""
}

// names are the folders of a split.
func (s *splitFolders) names(of split) string {
	var names []string
	for folder, is := range s.of {
		if is == of {
			names = append(names, folder)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}

// kind says where the splits are.
func (s *splitFolders) kind() string {
	switch {
	case len(s.of) == 0:
		return ""
	case s.val == noSplit:
		return " in " + s.names(trainSplit)
	}
	return " in " + s.names(trainSplit) + " and " + s.names(s.val)
}

// maxCompared is how many names of inner folders are compared.
const maxCompared = 1 << 16

// doubt says why folders are hardly classes; nil when they may well be.
func (c *catalog) doubt(classes []string, s *splitFolders) error {
	const instead = "want CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE, or a .csv of the images' labels"
	if len(classes) == 1 {
		return fmt.Errorf("all %s are of one class, the folder %s: %s; --format folders takes it for one", plural(len(c.items), "image"), classes[0], instead)
	}
	if !slices.ContainsFunc(classes, func(class string) bool { return !isPart(class) }) {
		return fmt.Errorf("the folders %s are named as parts of a data set, not as classes: %s; --format folders takes them for classes",
			sample(classes), instead)
	}
	inner := map[string]string{} // name of the folder that an image is in, below that of its class -> class
	shared := map[string]bool{}
	for _, it := range c.items {
		class, rest, _, _ := s.place(it.Name)
		at := strings.LastIndexByte(rest, '/')
		if at < 0 {
			continue
		}
		base := path.Base(rest[:at])
		if known, in := inner[base]; in && known != class {
			shared[base] = true
		} else if !in && len(inner) < maxCompared {
			inner[base] = class
		}
	}
	if len(shared) < 2 || 2*len(shared) < len(inner) {
		return nil
	}
	return fmt.Errorf("the folders %s hold folders of the same names, such as %s: which are the classes? Give one of the outer folders as the source, "+
		"or --format folders to take those for classes", sample(classes), sample(slices.Sorted(maps.Keys(shared))))
}

// sample is some of many names.
func sample(names []string) string {
	const some = 3
	if len(names) <= some {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:some], ", ") + " and others"
}
