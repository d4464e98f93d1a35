package picture_test

import (
	"bufio"
	"strings"
	"testing"

	"duet/dataloader/picture"
	"duet/dataloader/source/mini"
)

// A file is named as an image by its ending, in any case.
func TestNames(t *testing.T) {
	for name, want := range map[string][2]bool{ // named as an image, as one that is not decoded
		"a.png": {true, false}, "b/a.JPEG": {true, false}, "a.jfif": {true, false}, "a.tif": {false, true},
		"a.HEIC": {false, true}, "a.txt": {}, "png": {}, "a.png/b": {}, "": {},
	} {
		if got := [2]bool{picture.IsNamed(name), picture.IsForeign(name)}; got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// The size of an image is read from its header alone, and is 0 where there is none.
func TestSize(t *testing.T) {
	png := string(mini.GreyPNG(9, 5, 1))
	for data, want := range map[string][2]int{png: {9, 5}, png[:40]: {9, 5}, png[:20]: {}, "no image": {}, "": {}} {
		if w, h := picture.Size(bufio.NewReader(strings.NewReader(data))); [2]int{w, h} != want {
			t.Errorf("%.10q of %d bytes: %dx%d, want %v", data, len(data), w, h, want)
		}
	}
}
