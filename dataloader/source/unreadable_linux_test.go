package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// unreadable is a regular file that fails when it is read.
const unreadable = "/proc/self/mem"

// A file of a folder that the system cannot read is named, if anything is read of it, and an image that it cannot read
// is lost.
func TestUnreadable(t *testing.T) {
	dir := mini.Animals(2).Folder(t)
	for _, name := range []string{"labels.csv", "cats/notes.txt", "cats/x", "dogs/z.png"} {
		check(t, os.Symlink(unreadable, filepath.Join(dir, filepath.FromSlash(name))))
	}
	s := open(t, source.Options{}, dir)
	sameRejected(t, s.Rejected, map[string]string{"labels.csv": "input/output error",
		"cats/notes.txt": "input/output error"})
	if len(s.Items) != 5 || s.Side != 8 {
		t.Fatalf("%d images, side %d", len(s.Items), s.Side)
	}
	check(t, s.Read(t.Context(), nil, func(i int, fetch source.Fetch) error {
		if _, err := fetch(nil); errors.Is(err, source.ErrLost) != (i == 4) || (err == nil) != (i < 4) {
			t.Errorf("%s: error %v", s.Items[i].Name, err)
		}
		return nil
	}))
	labels := mini.Files{"train-images-idx3-ubyte": mnist()["train-images-idx3-ubyte"]}.Folder(t)
	check(t, os.Symlink(unreadable, filepath.Join(labels, "train-labels-idx1-ubyte")))
	lacks(t, failure(source.Options{}, labels), "train-labels-idx1-ubyte")
}
