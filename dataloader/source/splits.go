package source

import (
	"slices"
	"strings"
)

// A split is what images are for, as far as a name says.
type split uint8

const (
	noSplit split = iota
	trainSplit
	valSplit
	testSplit // validates where there is no valSplit
	sideSplit // of a split, but no labelled images: masks, images to predict
)

var splitWords = map[string]split{
	"train": trainSplit, "training": trainSplit,
	"val": valSplit, "valid": valSplit, "validate": valSplit, "validation": valSplit, "dev": valSplit, "eval": valSplit, "evaluation": valSplit,
	"test": testSplit, "testing": testSplit,
	"pred": sideSplit, "predict": sideSplit, "prediction": sideSplit, "unlabeled": sideSplit, "unlabelled": sideSplit,
}

// partWords name parts of a data set: a folder that is named so is no class.
var partWords = []string{"image", "images", "img", "imgs", "jpg", "jpeg", "jpegs", "jpegimages", "png", "part", "data", "dataset"}

// sideWords name what lies beside the images of a data set.
var sideWords = []string{"annotation", "annotations", "mask", "masks", "label", "labels", "trimap", "trimaps", "segmentation", "segmentations"}

// words are the words of a name, in lower case: "train.X1" and "TrainX" have "train" and "x", "testset" has "test".
func words(name string) []string {
	var all []string
	begin, lower := -1, false // of the word; the last letter is a small one
	end := func(at int) {
		if begin >= 0 {
			w := strings.ToLower(name[begin:at])
			if short := strings.TrimSuffix(w, "set"); splitWords[short] != noSplit {
				w = short
			}
			all = append(all, w)
		}
		begin, lower = -1, false
	}
	for i := range len(name) {
		small, large := 'a' <= name[i] && name[i] <= 'z', 'A' <= name[i] && name[i] <= 'Z'
		if !small && !large || large && lower {
			end(i)
		}
		if begin < 0 && (small || large) {
			begin = i
		}
		lower = small
	}
	end(len(name))
	return all
}

// splitOf says which split the name of a folder or a source stands for. exact: it is nothing but the word, such as "Train",
// rather than "seg_train" or "train.X1".
func splitOf(name string) (s split, exact bool) {
	if s = splitWords[strings.ToLower(name)]; s != noSplit {
		return s, true
	}
	all := words(name)
	if s = splitOfWords(all); s != noSplit && containsAny(all, sideWords) {
		s = sideSplit
	}
	return s, false
}

// splitOfWords is the split that is named among words; noSplit when there are several, as in "train_val".
func splitOfWords(all []string) (s split) {
	for _, w := range all {
		switch is := splitWords[w]; {
		case is == noSplit:
		case s != noSplit && s != is:
			return noSplit
		default:
			s = is
		}
	}
	return s
}

func containsAny(all, some []string) bool {
	return slices.ContainsFunc(all, func(w string) bool { return slices.Contains(some, w) })
}

// isPart reports whether every word of a name is of a part of a data set.
func isPart(name string) bool {
	all := words(name)
	return len(all) > 0 && !slices.ContainsFunc(all, func(w string) bool {
		return splitWords[w] == noSplit && !slices.Contains(partWords, w) && !slices.Contains(sideWords, w)
	})
}

// areParts reports whether names can hardly be of classes: parts of a data set, or the same part by numbers.
func areParts(names []string) bool {
	first := words(names[0])
	numbered := containsAny(first, partWords)
	all := true
	for _, n := range names {
		numbered = numbered && slices.Equal(words(n), first)
		all = all && isPart(n)
	}
	return all || numbered
}

// isSide reports whether a path has a folder whose name is all of what lies beside images, such as masks.
func isSide(folders string) bool {
	for f := range strings.SplitSeq(folders, "/") {
		if all := words(f); len(all) > 0 && !slices.ContainsFunc(all, func(w string) bool { return !slices.Contains(sideWords, w) }) {
			return true
		}
	}
	return false
}

// validates says which of the splits that are there is the validation split; noSplit when none is.
func validates(there func(split) bool) split {
	for _, s := range []split{valSplit, testSplit} {
		if there(s) {
			return s
		}
	}
	return noSplit
}

func (s split) String() string {
	return [...]string{noSplit: "none", trainSplit: "train", valSplit: "val", testSplit: "test", sideSplit: "no labels"}[s]
}
