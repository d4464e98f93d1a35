package source_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// A tar that ends with a member was cut there, however whole its members are.
func TestTarsWithoutEnd(t *testing.T) {
	whole := mini.Animals(2).Tarred(t)
	cut := whole[:len(whole)-1024] // the two empty blocks
	for name, path := range map[string]string{
		"a tar":           mini.Write(t, "a.tar", cut),
		"a stream":        mini.Write(t, "a.tar.gz", mini.Gzipped(cut)),
		"an inner tar":    mini.Files{"cats.tar": cut, "dogs.tar": whole}.Tar(t, "b.tar"),
		"in a stream":     mini.Files{"cats.tar": cut, "dogs.tar": whole}.Tar(t, "b.tar.gz"),
		"an earlier end":  mini.Write(t, "c.tar", whole[:1024]),
		"one empty block": mini.Write(t, "d.tar", whole[:len(whole)-512]),
	} {
		err := failure(source.Options{}, path)
		if name == "one empty block" { // as some programs leave it
			check(t, err)
			continue
		}
		lacks(t, err, "damaged archive", "ends without the empty block", "complete?")
	}
}

// What was read of an archive that has changed since it was listed is in doubt, even where its size is the same.
func TestUnchanged(t *testing.T) {
	for name, path := range everyContainer(t, mini.Animals(2)) {
		s := open(t, source.Options{}, path)
		s.contents(t)
		check(t, s.Unchanged())
		if name == "folder" {
			continue
		}
		check(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)))
		lacks(t, s.Unchanged(), path, "has changed")
		check(t, os.Remove(path))
		lacks(t, s.Unchanged(), path)
	}
}

// Hidden images are listed, a hidden folder of them once; housekeeping is nobody's concern.
func TestHidden(t *testing.T) {
	f := mini.Animals(2)
	data := f["cats/a.png"]
	for _, name := range []string{"cats/.x.png", ".net/a.png", ".net/b/c.png", "cats/.ipynb_checkpoints/a.png",
		"cats/._a.png", "__MACOSX/cats/._a.png", "cats/@eaDir/a.png", ".DS_Store", "cats/.notes"} {
		f[name] = data
	}
	for container, path := range everyContainer(t, f) {
		s := open(t, source.Options{}, path)
		if len(s.Items) != 4 {
			t.Errorf("%s: %d images, want 4", container, len(s.Items))
		}
		sameRejected(t, s.Rejected, map[string]string{"cats/.x.png": "hidden", ".net": "hidden",
			"cats/.ipynb_checkpoints": "hidden"})
	}
}

// Some programs of Windows write backslashes into a .zip.
func TestBackslashes(t *testing.T) {
	f := mini.Files{}
	for name, data := range mini.Animals(2) {
		f["w/"+strings.ReplaceAll(name, "/", "\\")] = data
	}
	s := open(t, source.Options{}, f.Zip(t, "a.zip", zip.Deflate))
	if got := classIDs(s.Listing); strings.Join(got, " ") != "cats dogs" || len(s.Items) != 4 {
		t.Errorf("classes %v, %d images", got, len(s.Items))
	}
}

// An archive that is a path of its own is not met again in the folder that holds it.
func TestGivenArchive(t *testing.T) {
	m := miniature(t, mini.Options{})
	check(t, os.Remove(m.ValTar))
	s := open(t, source.Options{}, filepath.Dir(m.TrainTar), m.TrainTar)
	if len(s.Notes) > 0 || len(s.Rejected) > 0 {
		t.Errorf("notes %q, rejected %v", s.Notes, s.Rejected)
	}
}

// Of a file that is no image, however large it is and wherever it lies, only the beginning is read.
func TestLargeNonImages(t *testing.T) {
	f := laid("{a,b}/1.png")
	f["a/zeros.png"] = make([]byte, 20<<20)
	for container, path := range everyContainer(t, f) {
		s := open(t, source.Options{}, path)
		_, data := s.contents(t)
		for i, it := range s.Items {
			if strings.HasSuffix(it.Name, "zeros.png") && len(data[i]) > 4<<10 {
				t.Errorf("%s: %d bytes were read of it", container, len(data[i]))
			}
		}
	}
}
