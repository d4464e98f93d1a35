package source_test

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// sound takes a source through both passes. Errors are answers; a listing must hold what it promises.
func sound(t *testing.T, o source.Options, paths ...string) {
	s, err := source.Open(paths, o)
	if err != nil {
		return
	}
	defer s.Close()
	l, err := s.List(context.Background(), nil)
	if err != nil {
		if strings.TrimSpace(err.Error()) == "" {
			t.Fatal("an error that says nothing")
		}
		return
	}
	trained := make([]bool, len(l.Classes))
	names := map[string]bool{}
	for i, it := range l.Items {
		if it.Label < 0 || int(it.Label) >= len(l.Classes) {
			t.Fatalf("item %d has label %d of %d classes", i, it.Label, len(l.Classes))
		}
		if names[it.Name] {
			t.Fatalf("two items are named %q", it.Name)
		}
		names[it.Name] = true
		trained[it.Label] = trained[it.Label] || !it.Val
	}
	for label, ok := range trained {
		if !ok {
			t.Fatalf("class %q has no training image", l.Classes[label].ID)
		}
	}
	next := 0
	err = s.Read(context.Background(), nil, func(i int, fetch source.Fetch) error {
		if i != next {
			t.Fatalf("item %d was emitted, want %d", i, next)
		}
		next++
		if c, err := fetch(nil); err == nil && (c.Image == nil) == (c.Encoded == nil) {
			t.Fatalf("item %d: %d bytes and image %v", i, len(c.Encoded), c.Image)
		}
		return nil
	})
	if err == nil && next != len(l.Items) {
		t.Fatalf("%d items were emitted of %d", next, len(l.Items))
	}
}

// put writes a file that every run of a fuzzing process writes anew.
func put(t *testing.T, dir, name string, data []byte) string {
	path := filepath.Join(dir, name)
	check(t, os.WriteFile(path, data, 0o666))
	return path
}

func FuzzTar(f *testing.F) {
	dir := f.TempDir()
	good := mini.Animals(2).Tarred(f)
	nested := mini.Files{"cats.tar": mini.Animals(1).Tarred(f), "dogs.tar": good, "labels.csv": []byte("a,b\n")}.Tarred(f)
	ilsvrc, err := mini.ILSVRC(dir, mini.Options{Classes: 1, Train: 1, Val: 1})
	check(f, err)
	f.Add(good)
	f.Add(nested)
	f.Add(nested[:len(nested)/2])
	f.Add(readFile(f, ilsvrc.TrainTar))
	f.Add(cifar100().Tarred(f)[:8192])
	f.Fuzz(func(t *testing.T, data []byte) {
		sound(t, source.Options{}, put(t, dir, "x.tar", data))
		sound(t, source.Options{}, put(t, dir, "x.tar.gz", mini.Gzipped(data)))
	})
}

func FuzzZip(f *testing.F) {
	dir := f.TempDir()
	f.Add(readFile(f, mini.Animals(2).Zip(f, "a.zip", zip.Store)))
	f.Add(readFile(f, mini.Animals(2).Zip(f, "a.zip", zip.Deflate)))
	f.Add(readFile(f, mini.Join(flat("", ".png"), mini.Files{"l.csv": []byte("a,x\nb,y\n")}).Zip(f, "a.zip", zip.Deflate)))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, source.Options{}, put(t, dir, "x.zip", data)) })
}

func FuzzTable(f *testing.F) {
	dir := f.TempDir()
	images := mini.Join(flat("", ".png"), flat("train/", ".png")).Folder(f)
	f.Add([]byte("file,label,split\na.png,x,train\ntrain/b,y,val\nb,y,\n"), false)
	f.Add([]byte("\"a\",\"x\ny\"\nb,z\n"), false)
	f.Add([]byte("\xef\xbb\xbfid\tclass\n./a\t1\ntrain\\b.png\t02\n"), true)
	f.Fuzz(func(t *testing.T, data []byte, tabs bool) {
		name := "labels.csv"
		if tabs {
			name = "labels.tsv"
		}
		sound(t, source.Options{Format: "csv"}, images, put(t, dir, name, data))
	})
}

// kit is a miniature whose tars stay, for texts that change.
func kit(f *testing.F) (dir string, m *mini.Set) {
	dir = f.TempDir()
	m, err := mini.ILSVRC(dir, mini.Options{Classes: 2, Train: 1, Val: 2})
	check(f, err)
	return dir, m
}

func FuzzLists(f *testing.F) {
	dir, m := kit(f)
	f.Add([]byte("449\n450\n"), []byte(""))
	f.Add([]byte(""), []byte("ILSVRC2012_val_00000001.JPEG n01440764\nILSVRC2012_val_00000002 n01443537\r\n"))
	f.Add([]byte("450\n0\n"), []byte("n01440764 tench, Tinca tinca\nn01443537\n"))
	f.Add([]byte("\xef\xbb\xbf449\n449"), []byte("ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 2 3 4\n"))
	f.Fuzz(func(t *testing.T, truth, list []byte) {
		sound(t, source.Options{}, m.TrainTar, m.ValTar, put(t, dir, "list.txt", list),
			put(t, dir, "ILSVRC2012_validation_ground_truth.txt", truth))
	})
}

func FuzzIDX(f *testing.F) {
	dir := f.TempDir()
	images := idxFile([]byte{1, 2, 3, 4}, 2, 1, 2)
	labels := idxFile([]byte{5, 9}, 2)
	f.Add(images, labels)
	f.Add(images[:18], labels)
	f.Add(mini.Gzipped(images), labels)
	f.Add([]byte{0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff}, labels)
	f.Add(images, []byte{0, 0, 8, 1, 0x00, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		sound(t, source.Options{}, put(t, dir, "train-images-idx3-ubyte", images),
			put(t, dir, "train-labels-idx1-ubyte", labels))
		sound(t, source.Options{}, put(t, dir, "train-images-idx3-ubyte.gz", images),
			put(t, dir, "train-labels-idx1-ubyte", labels))
	})
}

func FuzzCIFAR(f *testing.F) {
	dir := f.TempDir()
	f.Add(cifarBatch(10, 0, false), "a b c", false)
	f.Add(cifarBatch(2, 0, false)[:3072], "", false)
	f.Add(cifarBatch(3, 0, true), "a b c", true)
	f.Fuzz(func(t *testing.T, batch []byte, names string, coarse bool) {
		file, text := "data_batch_1.bin", "batches.meta.txt"
		if coarse {
			file, text = "train.bin", "fine_label_names.txt"
		}
		sound(t, source.Options{}, put(t, dir, file, batch), put(t, dir, text, []byte(names)))
	})
}

// FuzzPaths arranges files of any paths, one a line, in an archive, perhaps with a table of labels.
func FuzzPaths(f *testing.F) {
	dir := f.TempDir()
	for _, paths := range []string{
		"cats/a.png\ntrain/cats/b.jpg\ndogs/x.JPG",
		"../x.png\n/etc/passwd.png\na/../../b.png",
		"a.png\na.png\n./a.png",
		"train/a/b.png\nval/a/b.png\ntrain/b/c.png\nval/b/d.png",
		"n01440764/n01440764_1.JPEG\nval/n01440764/ILSVRC2012_val_00000001.JPEG\ntest/x.png",
		"c\\a.png\nc/\x00.png\n.tar/x.png",
		"a.png\nwrapper/deep/cats/a.png\nwrapper/deep/dogs/b.png",
	} {
		f.Add(paths, "")
		f.Add(paths, "a,x\nb,y\n")
		f.Add(paths, "kg,cm\n1,2\n")
	}
	f.Fuzz(func(t *testing.T, paths, table string) {
		names := strings.Split(paths, "\n")
		if len(names) > 64 {
			return
		}
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range names {
			if len(name) > 1<<15 {
				return
			}
			if _, err := w.CreateHeader(&zip.FileHeader{Name: name}); err != nil {
				return
			}
		}
		if table != "" {
			m, err := w.Create("labels.csv")
			check(t, err)
			_, err = m.Write([]byte(table))
			check(t, err)
		}
		check(t, w.Close())
		path := put(t, dir, "x.zip", b.Bytes())
		sound(t, source.Options{}, path)
		sound(t, source.Options{Format: "folders"}, path)
		sound(t, source.Options{Format: "csv"}, path)
	})
}
