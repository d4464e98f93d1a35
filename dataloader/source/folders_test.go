package source_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// Every arrangement of the same animals gives the same classes, labels and bytes.
func TestArrangements(t *testing.T) {
	plain := mini.Animals(4)
	split := mini.Join(mini.Animals(4).Below("train"), mini.Animals(2).Below("test"))
	deeper := mini.Animals(4)
	deeper["cats/x/a.png"], deeper["cats/x/d.png"] = deeper["cats/a.png"], deeper["cats/d.png"]
	delete(deeper, "cats/a.png")
	delete(deeper, "cats/d.png")
	cats, dogs := mini.Files{}, mini.Files{}
	for name, data := range plain {
		if class, file := path.Split(name); class == "cats/" {
			cats[file] = data
		} else {
			dogs[file] = data
		}
	}
	tars := mini.Files{"cats.tar": cats.Tarred(t), "dogs.tar": dogs.Tarred(t)}
	for name, c := range map[string]struct {
		paths []string
		val   int
	}{
		"folder":              {[]string{plain.Folder(t)}, 0},
		"tar":                 {[]string{plain.Tar(t, "animals.tar")}, 0},
		"tar.gz":              {[]string{plain.Tar(t, "animals.tar.gz")}, 0},
		"tar under no ending": {[]string{plain.Tar(t, "animals")}, 0},
		"zip, stored":         {[]string{plain.Zip(t, "animals.zip", zip.Store)}, 0},
		"zip, deflated":       {[]string{plain.Zip(t, "animals.zip", zip.Deflate)}, 0},
		"wrapped":             {[]string{plain.Below("animals-1.0/images").Tar(t, "a.tar")}, 0},
		"dot slash":           {[]string{plain.Below(".").Tar(t, "a.tar")}, 0},
		"train only":          {[]string{plain.Below("train").Folder(t)}, 0},
		"deeper":              {[]string{deeper.Folder(t)}, 0},
		"tars in a folder":    {[]string{tars.Folder(t)}, 0},
		"tars in a tar":       {[]string{tars.Tar(t, "a.tar")}, 0},
		"tars in a tar.gz":    {[]string{tars.Tar(t, "a.tar.gz")}, 0},
		"a tar in a folder":   {[]string{mini.Files{"animals.tar.gz": mini.Gzipped(plain.Tarred(t))}.Folder(t)}, 0},
		"split":               {[]string{split.Folder(t)}, 4},
		"split in a tar.gz":   {[]string{split.Tar(t, "split.tar.gz")}, 4},
		"split in a zip":      {[]string{split.Zip(t, "split.zip", zip.Deflate)}, 4},
		"valid": {[]string{mini.Join(mini.Animals(4).Below("train"),
			mini.Animals(2).Below("valid")).Folder(t)}, 4},
		"val wrapped": {[]string{mini.Join(mini.Animals(4).Below("train"),
			mini.Animals(2).Below("val")).Below("w").Tar(t, "v.tar")}, 4},
		"split tars in a folder": {[]string{mini.Files{"train.tar": mini.Animals(4).Tarred(t),
			"val.tar": mini.Animals(2).Tarred(t)}.Folder(t)}, 4},
		"two paths": {[]string{mini.Animals(2).Tar(t, "val.tar"),
			mini.Animals(4).Zip(t, "train.zip", zip.Store)}, 4},
		"two paths, wrapped": {[]string{mini.Animals(4).Below("train").Tar(t, "train.tar"),
			mini.Animals(2).Below("val").Tar(t, "val.tar.gz")}, 4},
		"two streams": {[]string{mini.Animals(4).Tar(t, "train.tar.gz"),
			mini.Animals(2).Tar(t, "validation.tar.gz")}, 4},
		"with other files": {[]string{mini.Join(plain,
			mini.Files{"README.md": []byte("hello"), ".DS_Store": {0}, "__MACOSX/cats/._a.png": {1}, "cats/list.txt": nil,
				"meta.mat": {1}, "val.txt": []byte("a n00000001\n?\n")}).Folder(t)}, 0},
		"with a table about them": {[]string{mini.Join(plain,
			mini.Files{"weights.csv": []byte("cat,kg\na,3\n")}).Folder(t)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, source.Options{}, c.paths...)
			if want := []string{"cats", "dogs"}; !slices.Equal(classIDs(s.Listing), want) {
				t.Fatalf("classes %v, want %v", s.Classes, want)
			}
			if len(s.Items) != 8+c.val || s.Side != 8 || len(s.Rejected) != 0 {
				t.Fatalf("%d items, side %d, rejected %v", len(s.Items), s.Side, s.Rejected)
			}
			keys, data := s.contents(t)
			for i, key := range keys {
				fields := strings.Fields(key)
				want := plain[fields[0]+"/"+path.Base(fields[2])]
				if !bytes.Equal(data[i], want) {
					t.Errorf("%s has other bytes: %q", key, data[i])
				}
			}
			if n := len(labels(s.Listing, true)); n != c.val {
				t.Errorf("%d validation images, want %d", n, c.val)
			}
		})
	}
}

// What can be read anywhere is sorted; a stream is read in its own order.
func TestOrder(t *testing.T) {
	f := mini.Join(mini.Animals(2).Below("train"), mini.Animals(1).Below("val"))
	sorted := []string{"cats false train/cats/a.png", "cats false train/cats/b.png", "dogs false train/dogs/a.png",
		"dogs false train/dogs/b.png", "cats true val/cats/a.png", "dogs true val/dogs/a.png"}
	archived := []string{"dogs true val/dogs/a.png", "cats true val/cats/a.png", "dogs false train/dogs/b.png",
		"dogs false train/dogs/a.png", "cats false train/cats/b.png", "cats false train/cats/a.png"}
	for name, c := range map[string]struct {
		path string
		want []string
	}{
		"folder": {f.Folder(t), sorted}, "tar": {f.Tar(t, "a.tar"), sorted}, "zip": {f.Zip(t, "a.zip", zip.Deflate), sorted},
		"tar.gz": {f.Tar(t, "a.tar.gz"), archived},
	} {
		if keys, _ := open(t, source.Options{}, c.path).contents(t); !slices.Equal(keys, c.want) {
			t.Errorf("%s: order %q, want %q", name, keys, c.want)
		}
	}
}

// everyContainer is the same source in each container.
func everyContainer(t *testing.T, f mini.Files) map[string]string {
	return map[string]string{"folder": f.Folder(t), "tar": f.Tar(t, "a.tar"), "tar.gz": f.Tar(t, "a.tar.gz"),
		"zip": f.Zip(t, "a.zip", zip.Deflate)}
}

func TestWant(t *testing.T) {
	for name, path := range everyContainer(t, mini.Animals(5)) {
		s := open(t, source.Options{}, path)
		for _, wanted := range [][]int{{}, {0}, {9}, {3, 4, 8}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
			got := []int{}
			check(t, s.Read(context.Background(), func(i int) bool { return slices.Contains(wanted, i) },
				func(i int, fetch source.Fetch) error {
					got = append(got, i)
					_, err := fetch(nil)
					return err
				}))
			if !slices.Equal(got, wanted) {
				t.Errorf("%s: items %v, want %v", name, got, wanted)
			}
		}
	}
}

// Items are fetched by many goroutines at once, after Read has returned, with scratch of any size.
func TestParallelFetch(t *testing.T) {
	f := mini.Animals(20)
	for name, path := range everyContainer(t, f) {
		s := open(t, source.Options{}, path)
		fetches := make([]source.Fetch, len(s.Items))
		check(t, s.Read(context.Background(), nil, func(i int, fetch source.Fetch) error {
			fetches[i] = fetch
			return nil
		}))
		var wait sync.WaitGroup
		for i, fetch := range fetches {
			wait.Go(func() {
				c, err := fetch(make([]byte, 0, i*20))
				if err != nil || !bytes.Equal(c.Encoded, f[s.Items[i].Name]) {
					t.Errorf("%s: %s: %v, %d bytes", name, s.Items[i].Name, err, len(c.Encoded))
				}
			})
		}
		wait.Wait()
	}
}

func TestCancelAndEmitErrors(t *testing.T) {
	stop := errors.New("stop")
	for name, path := range everyContainer(t, mini.Animals(3)) {
		s := open(t, source.Options{}, path)
		ctx, cancel := context.WithCancel(context.Background())
		seen := 0
		err := s.Read(ctx, nil, func(int, source.Fetch) error {
			if seen++; seen == 2 {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) || seen != 2 {
			t.Errorf("%s: %v after %d items, want a cancellation after 2", name, err, seen)
		}
		if _, err := s.List(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: list: %v, want a cancellation", name, err)
		}
		s = open(t, source.Options{}, path)
		if err := s.Read(context.Background(), nil, func(int, source.Fetch) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("%s: %v, want the error of emit", name, err)
		}
	}
}

func TestLinksInFolders(t *testing.T) {
	real := mini.Animals(2).Folder(t)
	dir := t.TempDir()
	for _, class := range []string{"cats", "dogs"} {
		check(t, os.Symlink(filepath.Join(real, class), filepath.Join(dir, class)))
	}
	check(t, os.Symlink(dir, filepath.Join(real, "dogs", "loop")))
	check(t, os.Symlink(filepath.Join(real, "cats", "a.png"), filepath.Join(real, "dogs", "cat.png")))
	check(t, os.Symlink("nowhere", filepath.Join(real, "dogs", "dangling.png")))
	s := open(t, source.Options{}, dir)
	sameRejected(t, s.Rejected, map[string]string{"dogs/loop": "link to the folder", "dogs/dangling.png": "no such file"})
	if want := []int32{0, 0, 1, 1, 1}; !slices.Equal(labels(s.Listing, false), want) {
		t.Errorf("labels %v, want %v", labels(s.Listing, false), want)
	}
}

// Side is that of all images, as far as their headers can be read.
func TestSide(t *testing.T) {
	for name, c := range map[string]struct {
		more mini.Files
		want int
	}{
		"alike":      {nil, 8},
		"unreadable": {mini.Files{"cats/x.jpg": []byte("no image")}, 8},
		"another":    {mini.Files{"cats/x.png": plainPNG(9, 1)}, 0},
		"large":      {mini.Files{"cats/0.png": plainPNG(257, 1)}, 0},
	} {
		for container, path := range everyContainer(t, mini.Join(mini.Animals(2), c.more)) {
			if got := open(t, source.Options{}, path).Side; got != c.want {
				t.Errorf("%s, %s: side %d, want %d", name, container, got, c.want)
			}
		}
	}
}

// A file that is gone, or changed, when it is read rejects itself in a folder; a stream is read again as a whole.
func TestGoneFiles(t *testing.T) {
	dir := mini.Animals(2).Folder(t)
	s := open(t, source.Options{}, dir)
	check(t, os.Remove(filepath.Join(dir, "cats", "b.png")))
	_, data := s.contents(t)
	if got := string(data[1]); got != "rejected: no such file or directory" {
		t.Errorf("item 1: %q", got)
	}
	path := mini.Animals(2).Tar(t, "a.tar.gz")
	s = open(t, source.Options{}, path)
	check(t, os.WriteFile(path, mini.Gzipped(mini.Animals(1).Tarred(t)), 0o666))
	err := s.Read(context.Background(), nil, func(int, source.Fetch) error { return nil })
	lacks(t, err, "a.tar.gz", "changed since it was listed")
}

func TestProgress(t *testing.T) {
	s, err := source.Open([]string{mini.Animals(3).Folder(t)}, source.Options{})
	check(t, err)
	defer s.Close()
	last := 0
	_, err = s.List(context.Background(), func(found int) { last = found })
	check(t, err)
	if last != 6 {
		t.Errorf("progress ended at %d, want 6", last)
	}
}

// An image that lies beside the class folders is left out, and does not make their wrapper a class.
func TestStrayImages(t *testing.T) {
	plain := mini.Animals(2)
	stray := plain["cats/a.png"]
	for name, f := range map[string]mini.Files{
		"in the wrapper":                         mini.Join(plain.Below("w"), mini.Files{"w/stray.png": stray}),
		"with a name shorter than the wrapper's": mini.Join(plain.Below("a-long-wrapper/deep"), mini.Files{"a.png": stray}),
		"beside the wrapper":                     mini.Join(plain.Below("w"), mini.Files{"stray.png": stray}),
		"beside the splits": mini.Join(plain.Below("w/train"), plain.Below("w/val"),
			mini.Files{"w/stray.png": stray}),
		"beside a table of something else": mini.Join(plain.Below("a-long-wrapper/deep"),
			mini.Files{"a.png": stray, "notes.csv": []byte("kg,cm\n1,2\n")}),
		"in a split without other": mini.Join(plain.Below("train"), mini.Files{"train/stray.png": stray}),
	} {
		for _, path := range []string{f.Folder(t), f.Tar(t, "s.tar"), f.Tar(t, "s.tar.gz")} {
			s := open(t, source.Options{}, path)
			if !slices.Equal(classIDs(s.Listing), []string{"cats", "dogs"}) || len(s.Rejected) != 1 ||
				!strings.HasSuffix(s.Rejected[0].File, ".png") {
				t.Errorf("%s, %s: classes %v, rejected %v", name, path, classIDs(s.Listing), s.Rejected)
			}
		}
	}
}

// Folders of splits are found whatever their letters.
func TestSplitNames(t *testing.T) {
	for train, val := range map[string]string{"train": "val", "Train": "Val", "training": "validation", "TRAIN": "test"} {
		s := open(t, source.Options{}, mini.Join(mini.Animals(2).Below(train), mini.Animals(1).Below(val)).Folder(t))
		if !slices.Equal(classIDs(s.Listing), []string{"cats", "dogs"}) || len(labels(s.Listing, true)) != 2 {
			t.Errorf("%s and %s: classes %v, %d validation images", train, val, classIDs(s.Listing),
				len(labels(s.Listing, true)))
		}
	}
}

// Several sources that do not make one are refused, rather than taken for something else or in part.
func TestSourcesThatDoNotFit(t *testing.T) {
	a, b := mini.Animals(2).Folder(t), mini.Animals(3).Tar(t, "b.tar")
	lacks(t, failure(source.Options{}, a, b), "2 sources", "want one")
	lacks(t, failure(source.Options{}, a, mini.Animals(1).Folder(t)), "2 sources", "want one")
	lacks(t, failure(source.Options{}, mini.Animals(2).Tar(t, "pets_val.tar"), mini.Animals(4).Tar(t, "pets_train.tar")),
		"2 sources", "one of each split, named train, val")
	train := func() string { return mini.Animals(1).Tar(t, "train.tar") }
	lacks(t, failure(source.Options{}, train(), train(), mini.Animals(1).Tar(t, "val.tar")),
		"3 sources", "one of each split")
	lacks(t, failure(source.Options{Format: "folders"}, a, mini.Write(t, "l.csv", []byte("a,x\n"))),
		"--format folders uses none")
	lacks(t, failure(source.Options{}, mnist().Folder(t), cifar10().Folder(t)), "CIFAR-10 binary files and IDX files")
	lacks(t, failure(source.Options{}, mini.Join(mnist(), mini.Animals(1)).Folder(t)), "IDX files and 2 image files")
	open(t, source.Options{Format: "idx"}, mini.Join(mnist(), mini.Animals(1)).Folder(t))
}

// A file without an image's ending is no image; a class of such files alone says which endings are read.
func TestImagesUnderOtherNames(t *testing.T) {
	f := mini.Animals(2)
	for _, name := range []string{"cats/x.dat", "cats/copy1", "cats/a.xml", "dogs/x.jfif"} {
		f[name] = f["cats/a.png"]
	}
	alone := mini.Join(f, mini.Files{"birds/copy1": f["cats/a.png"]})
	for form, path := range everyContainer(t, f) {
		s := open(t, source.Options{}, path)
		sameRejected(t, s.Rejected, nil)
		if len(s.Items) != 5 {
			t.Errorf("%s: %d images, want 5", form, len(s.Items))
		}
	}
	lacks(t, failure(source.Options{}, alone.Folder(t)),
		"class birds has no image: birds: no file that ends in .jpg, .jpeg", ".webp")
}

// TestNumberedClasses: classes whose names are all whole numbers get their labels in the order of their values, in
// folders
// as in a table.
func TestNumberedClasses(t *testing.T) {
	for name, c := range map[string]struct{ given, want []string }{
		"whole numbers":       {[]string{"10", "9", "2", "0"}, []string{"0", "2", "9", "10"}},
		"zeros before them":   {[]string{"010", "9", "002", "0100"}, []string{"002", "9", "010", "0100"}},
		"two of one value":    {[]string{"7", "10", "07"}, []string{"07", "7", "10"}},
		"of one length":       {[]string{"02", "00", "01"}, []string{"00", "01", "02"}},
		"one is no number":    {[]string{"10", "9", "2", "a"}, []string{"10", "2", "9", "a"}},
		"below zero":          {[]string{"10", "9", "-1"}, []string{"-1", "10", "9"}},
		"numbers with a word": {[]string{"class10", "class9"}, []string{"class10", "class9"}},
		"more than 64 bits": {[]string{"99999999999999999999", "100000000000000000000"},
			[]string{"100000000000000000000", "99999999999999999999"}},
		"digits that are signs": {[]string{"+10", "9"}, []string{"+10", "9"}},
	} {
		folders, table := mini.Files{}, mini.Files{}
		csv := "file,label\n"
		for i, class := range c.given {
			for k := range 2 {
				image := fmt.Sprintf("%d.png", 2*i+k)
				folders[class+"/"+image], table[image] = plainPNG(8, uint8(2*i+k)), plainPNG(8, uint8(2*i+k))
				csv += image + "," + class + "\n"
			}
		}
		table["labels.csv"] = []byte(csv)
		for form, f := range map[string]mini.Files{"folders": folders, "table": table} {
			s := open(t, source.Options{}, f.Folder(t))
			if got := classIDs(s.Listing); !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: classes %q, want %q", name, form, got, c.want)
			}
			for _, it := range s.Items { // the label is the class's whose image it is
				var k int
				fmt.Sscanf(filepath.Base(it.Name), "%d", &k)
				if got := c.want[it.Label]; got != c.given[k/2] {
					t.Errorf("%s, %s: %s has class %q, want %q", name, form, it.Name, got, c.given[k/2])
				}
			}
		}
	}
}
