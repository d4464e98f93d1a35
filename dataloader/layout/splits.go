package layout

import (
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

func (s split) String() string { return [...]string{"", "train", "val", "test"}[s] }

// SplitName is "train", "val" or "test" of a name that stands for a split; "" of any other.
func SplitName(name string) string { return splitOf(name).String() }

// validates says which of the splits that are there is the validation split; noSplit when none is.
func validates(there map[split]bool) split {
	for _, is := range []split{valSplit, testSplit} {
		if there[is] {
			return is
		}
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
	root    string
	folder  map[split]string
	val     split // which of them validates; noSplit: there are none
	wrapped bool  // each holds but one of its own name, as train/train/CLASS
}

// findSplits finds folders that are named train and val, or test; others may lie beside them. Two of one split are an
// error.
func findSplits(images []*tree.Entry, root string) (*splits, error) {
	s, there, twice := &splits{root, map[split]string{}, noSplit, true}, map[split]bool{}, error(nil)
	for _, e := range images {
		rest, in := strings.CutPrefix(e.Name, root)
		first, rest, deeper := strings.Cut(rest, "/")
		inner, _, _ := strings.Cut(rest, "/")
		is := splitOf(first)
		if !in || !deeper || is == noSplit {
			continue
		}
		if other := s.folder[is]; there[is] && other != first && twice == nil {
			twice = Advise("%s and %s are both named as the split %s: give one folder of each split as a path of its own, or "+
				"--format folders to take these for classes", min(first, other), max(first, other), is)
		}
		s.folder[is], there[is] = first, true
		s.wrapped = s.wrapped && splitOf(inner) == is
	}
	if s.val = validates(there); !there[trainSplit] || s.val == noSplit {
		return &splits{root: root}, nil
	} else if twice != nil {
		return &splits{root: root}, twice
	}
	return s, nil
}

// at is the split of the folder below root that a path lies in, if splits were found. outside: there are splits, and it
// lies in a folder that is none of them.
func (s *splits) at(name string) (is split, outside bool) {
	if s.val == noSplit {
		return noSplit, false
	}
	rest, in := strings.CutPrefix(name, s.root)
	first, _, deeper := strings.Cut(rest, "/")
	if is = splitOf(first); !in || s.folder[is] != first {
		is = noSplit
	}
	return is, !in || deeper && is == noSplit
}

// place finds class and split of an image by its path, and its path in the folder of its class.
func (s *splits) place(name string) (a answer, rest string) {
	rest, below := strings.CutPrefix(name, s.root)
	if s.val != noSplit {
		is, outside := s.at(name)
		if is != trainSplit && is != s.val {
			cause := "neither in " + s.folder[trainSplit] + " nor in " + s.folder[s.val]
			return answer{cause: cause, aside: outside || is == testSplit}, ""
		}
		a.is = is
		_, rest, _ = strings.Cut(rest, "/")
		if s.wrapped {
			_, rest, _ = strings.Cut(rest, "/")
		}
	}
	var folder bool
	if a.class, rest, folder = strings.Cut(rest, "/"); !below || !folder {
		return answer{cause: "not in a class folder"}, ""
	}
	return a, rest
}
