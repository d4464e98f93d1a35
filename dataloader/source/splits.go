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
	"train": trainSplit, "training": trainSplit, "trainset": trainSplit,
	"val": valSplit, "valid": valSplit, "validation": valSplit, "valset": valSplit, "dev": valSplit, "eval": valSplit, "evaluation": valSplit,
	"test": testSplit, "testing": testSplit, "testset": testSplit,
	"pred": sideSplit, "predict": sideSplit, "prediction": sideSplit, "unlabeled": sideSplit, "unlabelled": sideSplit,
}

// partWords name parts of a data set: in the name of a folder they say that it is no class.
var partWords = []string{"image", "images", "img", "imgs", "jpg", "jpeg", "jpegs", "jpegimages", "png", "part"}

// sideWords name what lies beside the images of a data set.
var sideWords = []string{"annotation", "annotations", "mask", "masks", "label", "labels", "trimap", "trimaps", "segmentation", "segmentations"}

// words are the runs of letters of a name, in lower case: "train.X1" has "train" and "x".
func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' })
}

// splitOf says which split the name of a folder or a table stands for. exact: it is nothing but the word, such as "Train",
// rather than "seg_train" or "train.X1".
func splitOf(name string) (s split, exact bool) {
	lower := strings.ToLower(name)
	if s = splitWords[lower]; s != noSplit {
		return s, true
	}
	all := words(name)
	if s = splitOfWords(all); s != noSplit && slices.ContainsFunc(all, func(w string) bool { return slices.Contains(sideWords, w) }) {
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

// splitOfPath is the split of the innermost folder of a path that stands for one.
func splitOfPath(folders string) split {
	for folders != "" {
		at := strings.LastIndexByte(folders, '/')
		if s, _ := splitOf(folders[at+1:]); s != noSplit {
			return s
		}
		folders = folders[:max(at, 0)]
	}
	return noSplit
}

// isPart reports whether a folder's name says that it is a split or another part of a data set, so that it can hardly be a
// class.
func isPart(name string) bool {
	if s, _ := splitOf(name); s != noSplit {
		return true
	}
	return slices.ContainsFunc(words(name), func(w string) bool { return slices.Contains(partWords, w) || slices.Contains(sideWords, w) })
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
