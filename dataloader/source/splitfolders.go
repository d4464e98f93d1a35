package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// splitFolders are the folders below root that are splits.
type splitFolders struct {
	root    string
	of      map[string]split  // by folder; empty: there are none
	exact   bool              // they are named train and val, or test, and others may lie beside them
	val     split             // which of them validates
	wrapper map[string]string // by folder: what lies between it and its classes, with a slash at its end
}

// findSplits finds splits below the root of all images: folders that are named train and val, or folders that are all named
// as splits in some way, such as seg_train and seg_test. Folders that may be splits in several ways are an error.
func findSplits(items []Item, root string) (*splitFolders, error) {
	s := &splitFolders{root: root, of: map[string]split{}}
	exact := map[split]bool{}
	all := true
	for _, f := range items {
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
	switch {
	case exact[trainSplit] && (exact[valSplit] || exact[testSplit]):
		s.exact = true
		maps.DeleteFunc(s.of, func(folder string, is split) bool { _, whole := splitOf(folder); return !whole })
	case !all || len(s.of) < 2 || !s.there(trainSplit):
		s.of = nil
		return s, nil
	}
	s.val = validates(s.there)
	if err := s.merged(); err != nil {
		return &splitFolders{root: root}, err
	}
	s.findWrappers(items)
	return s, nil
}

func (s *splitFolders) there(is split) bool {
	for _, other := range s.of {
		if other == is {
			return true
		}
	}
	return false
}

// merged refuses several folders of a split that are no numbered parts of its training images, such as train.X1 and
// train.X2.
func (s *splitFolders) merged() error {
	first := map[split]string{}
	for _, folder := range slices.Sorted(maps.Keys(s.of)) {
		is := s.of[folder]
		other, twice := first[is]
		if twice && (is == s.val || is == trainSplit && !slices.Equal(words(other), words(folder))) {
			return fmt.Errorf("%s and %s are both named as the split %s: give one folder of each split as a path of its own, or --format folders "+
				"to take these for classes", other, folder, is)
		}
		first[is] = folder
	}
	return nil
}

// unused refuses several sources of which one is a split beside the one that is named exactly so.
func (s *splitFolders) unused(items []Item) error {
	for _, it := range items {
		first, _, _ := strings.Cut(it.Name, "/")
		is, _ := splitOf(first)
		if _, used := s.of[first]; !used && len(s.of) > 0 && (is == trainSplit || is == s.val) {
			return fmt.Errorf("%s and the source that is called %s here are both named as the split %s: want one source of each split", s.names(is), first, is)
		}
	}
	return nil
}

// findWrappers finds what lies between splits and their classes: a folder that holds all of a split and says the same once
// more, as in train/train/CLASS, or the same folder in each split. Images beside its classes do not count.
func (s *splitFolders) findWrappers(items []Item) {
	s.wrapper = map[string]string{}
	only, deep := map[string]string{}, map[string]bool{} // the one folder in a split; there are folders in it
	for _, f := range items {
		rest, in := strings.CutPrefix(f.Name, s.root)
		top, rest, _ := strings.Cut(rest, "/")
		inner, below, deeper := strings.Cut(rest, "/")
		if !in || !deeper {
			continue
		}
		if known, again := only[top]; again && known != inner {
			inner = "" // several
		}
		only[top] = inner
		deep[top] = deep[top] || strings.Contains(below, "/")
	}
	same := s.val != noSplit // all splits have one folder, of one name
	names := map[string]bool{}
	for top, is := range s.of {
		if is == trainSplit || is == s.val {
			names[only[top]] = true
			same = same && deep[top] && only[top] != ""
		}
	}
	for top, is := range s.of {
		inner := only[top]
		again, _ := splitOf(inner)
		if inner != "" && deep[top] && (inner == top || again == is || same && len(names) == 1) {
			s.wrapper[top] = inner + "/"
		}
	}
}

// split is that of the folder below root that an image lies in, if splits were found. other: there are splits, and it lies
// in a folder that is none of them.
func (s *splitFolders) split(image string) (is split, other bool) {
	if len(s.of) == 0 {
		return noSplit, false
	}
	rest, in := strings.CutPrefix(image, s.root)
	first, _, deeper := strings.Cut(rest, "/")
	is = s.of[first]
	return is, !in || deeper && is == noSplit
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

// unusedSplit reports whether images of a split are neither for training nor for validation.
func (s *splitFolders) unusedSplit(is split) bool {
	return is != noSplit && is != trainSplit && is != s.val
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

// lostSplit refuses a folder of training or validation images that has none while another split's has, and a folder of
// test images that would validate: for its cause, such as a link to the other, it would be missed without a word.
func (c *catalog) lostSplit() error {
	above, sibling := c.found.root, ""
	if len(c.found.of) == 0 { // all images are in one split's folder, or in none's
		for inner := strings.TrimSuffix(above, "/"); ; inner = strings.TrimSuffix(above, "/") {
			base := inner[strings.LastIndexByte(inner, '/')+1:]
			if _, exact := splitOf(base); !exact {
				break
			}
			above, sibling = inner[:len(inner)-len(base)], base
		}
		if sibling == "" {
			return nil
		}
	}
	causes := map[string]string{} // by folder
	for _, d := range c.dirs {
		if is, exact := c.splitBelow(above, d); exact && (is == trainSplit || is == valSplit) {
			causes[d] = "it is empty or holds no image that is read"
		}
	}
	for _, r := range c.rejected {
		if is, exact := c.splitBelow(above, r.File); exact && is != sideSplit && !r.Aside && (is != testSplit || c.found.val != valSplit) {
			causes[r.File] = r.Cause
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(causes)) {
		holds := func(it Item) bool { return strings.HasPrefix(it.Name, folder+"/") }
		if !slices.ContainsFunc(c.items, holds) {
			return fmt.Errorf("%s has no image: %s; want images of its own in it, or no such folder; --format folders takes the images that "+
				"there are", folder, causes[folder])
		}
	}
	return nil
}

// splitBelow is the split that a folder right below another is named as.
func (c *catalog) splitBelow(above, folder string) (is split, exact bool) {
	name, in := strings.CutPrefix(folder, above)
	if !in {
		return noSplit, false
	}
	return splitOf(name)
}

// doubt says why folders are hardly classes; nil when they may well be.
func (c *catalog) doubt(classes []string) error {
	const instead = "want CLASS/IMAGE, or train/CLASS/IMAGE and val/CLASS/IMAGE, or a .csv of the images' labels"
	switch {
	case len(classes) == 1:
		return fmt.Errorf("all %s are of one class, the folder %s: %s; --format folders takes it for one", plural(len(c.items), "image"), classes[0], instead)
	case areParts(classes):
		return fmt.Errorf("the folders %s are named as parts of a data set, not as classes: %s; --format folders takes them for classes",
			sample(classes), instead)
	}
	return nil
}

// doubtful are folders beside others that are hardly classes: one that is named as a split, and one that holds no image but
// several folders of them.
func (c *catalog) doubtful(classes []string, s *splitFolders) []Fault {
	flat, inner, nested := map[string]bool{}, map[string]string{}, map[string]string{} // by class: has images; a folder in it; another one
	for _, it := range c.items {
		class, rest, _, _ := s.place(it.Name)
		at := strings.LastIndexByte(rest, '/')
		if at < 0 {
			flat[class] = true
		} else if known, again := inner[class]; !again {
			inner[class] = rest[:at]
		} else if known != rest[:at] && nested[class] == "" {
			nested[class] = rest[:at]
		}
	}
	var faults []Fault
	for _, class := range classes {
		is, exact := splitOf(class)
		switch {
		case len(s.of) == 0 && exact && (is == trainSplit || is == testSplit || is == valSplit && !strings.EqualFold(class, "valid")):
			faults = append(faults, Fault{class, fmt.Sprintf("%s is named as a split, but lies beside %s: want train and val with the same folders in them; "+
				"--format folders takes it for a class", class, sampleBut(classes, class))})
		case !flat[class] && nested[class] != "":
			faults = append(faults, Fault{class, fmt.Sprintf("%s holds no image, but folders such as %s and %s, beside %s: which are the classes? Give the folder "+
				"that holds the classes' folders as the source; --format folders takes %s for a class", class, inner[class], nested[class], sampleBut(classes, class), class)})
		}
	}
	return faults
}

// sampleBut is some of the other names.
func sampleBut(names []string, name string) string {
	var others []string
	for i := 0; i < len(names) && len(others) <= some; i++ {
		if names[i] != name {
			others = append(others, names[i])
		}
	}
	return sample(others)
}

const some = 3 // names of many

// sample is some of many names.
func sample(names []string) string {
	if len(names) <= some {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:some], ", ") + " and others"
}
