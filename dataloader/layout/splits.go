package layout

import (
	"maps"
	"slices"
	"strings"

	"duet/dataloader/tree"
)

// A split is what images are for, as far as a name says.
type split uint8

const (
	noSplit split = iota
	trainSplit
	valSplit
	testSplit // validates where there is no valSplit
)

// splitWords are the names of splits, in any case.
var splitWords = map[string]split{"train": trainSplit, "training": trainSplit, "val": valSplit, "valid": valSplit,
	"validation": valSplit, "dev": valSplit, "test": testSplit, "testing": testSplit}

func splitOf(name string) split { return splitWords[strings.ToLower(name)] }

func (s split) String() string { return [...]string{"none", "train", "val", "test"}[s] }

// SplitName is "train", "val" or "test" of a name that stands for a split; "" of any other.
func SplitName(name string) string {
	if s := splitOf(name); s != noSplit {
		return s.String()
	}
	return ""
}

// validates says which of the splits that are there is the validation split; noSplit when none is.
func validates(there map[split]bool) split {
	switch {
	case there[valSplit]:
		return valSplit
	case there[testSplit]:
		return testSplit
	}
	return noSplit
}

// commonRoot is the folder, with a slash at its end, that wraps all class folders; "" when nothing wraps them. It is
// where the paths part into two folders or more; images beside these do not count. Where they never part, the innermost
// folder that holds all images is the one class. (A class folder with folders inside it looks the same as a wrapper:
// the classes are the inner ones.)
func commonRoot(images []*tree.Entry) string {
	whole, strays := "", false // whole: the innermost folder with all images in folders below it
	for root := ""; ; {
		next := ""
		for _, e := range images {
			rest, in := strings.CutPrefix(e.Name, root)
			first, _, below := strings.Cut(rest, "/")
			switch {
			case !in || !below:
				strays = true
			case next != "" && first != next:
				return root
			default:
				next = first
			}
		}
		if !strays {
			whole = root
		}
		if next == "" {
			return whole
		}
		root += next + "/"
	}
}

// splits are the folders below root, which is that of all images, that are named as splits.
type splits struct {
	root  string
	of    map[string]split  // by folder; empty: there are none
	there map[split]bool    // those of them
	val   split             // which of them validates
	only  map[string]string // by folder: the one folder in it; "" when there are several
}

// findSplits finds folders that are named train and val, or test; others may lie beside them. Two of one split are an
// error.
func findSplits(images []*tree.Entry, root string) (*splits, error) {
	s := &splits{root: root, of: map[string]split{}, there: map[split]bool{}, only: map[string]string{}}
	for _, e := range images {
		rest, in := strings.CutPrefix(e.Name, root)
		first, rest, deeper := strings.Cut(rest, "/")
		is := splitOf(first)
		if !in || !deeper || is == noSplit {
			continue
		}
		s.of[first], s.there[is] = is, true
		inner, _, folder := strings.Cut(rest, "/")
		if known, again := s.only[first]; folder && again && known != inner {
			s.only[first] = ""
		} else if folder {
			s.only[first] = inner
		}
	}
	if s.val = validates(s.there); !s.there[trainSplit] || s.val == noSplit {
		return &splits{root: root}, nil
	}
	first := map[split]string{}
	for _, folder := range slices.Sorted(maps.Keys(s.of)) {
		is := s.of[folder]
		if other, twice := first[is]; twice && (is == s.val || is == trainSplit) {
			return &splits{root: root}, Advise("%s and %s are both named as the split %s: give one folder of each split as a "+
				"path of its own, or --format folders to take these for classes", other, folder, is)
		}
		first[is] = folder
	}
	return s, nil
}

// at is the split of the folder below root that a path lies in, if splits were found. outside: there are splits, and it
// lies in a folder that is none of them.
func (s *splits) at(name string) (is split, outside bool) {
	if len(s.of) == 0 {
		return noSplit, false
	}
	rest, in := strings.CutPrefix(name, s.root)
	first, _, deeper := strings.Cut(rest, "/")
	is = s.of[first]
	return is, !in || deeper && is == noSplit
}

// place finds class and split of an image by its path, and its path in the folder of its class.
func (s *splits) place(name string) (a answer, rest string) {
	const none = "not in a class folder"
	rest, in := strings.CutPrefix(name, s.root)
	if !in {
		return answer{cause: none, aside: len(s.of) > 0}, ""
	}
	if len(s.of) > 0 {
		first, below, deeper := strings.Cut(rest, "/")
		if a.is = s.of[first]; a.is != trainSplit && a.is != s.val {
			return answer{cause: "neither in " + s.names(trainSplit) + " nor in " + s.names(s.val), aside: deeper}, ""
		}
		if rest = below; splitOf(s.only[first]) == a.is { // train/train/CLASS
			rest = strings.TrimPrefix(below, s.only[first]+"/")
		}
	}
	var folder bool
	if a.class, rest, folder = strings.Cut(rest, "/"); !folder {
		return answer{cause: none}, ""
	}
	return a, rest
}

// names are the folders of a split.
func (s *splits) names(of split) string {
	folders := slices.Sorted(maps.Keys(s.of))
	return strings.Join(slices.DeleteFunc(folders, func(f string) bool { return s.of[f] != of }), " and ")
}
