package dataloader_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/csv"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"duet/dataloader"
)

// Every arrangement of the same animals gives the same classes, labels and pixels.
func TestArrangements(t *testing.T) {
	plain := animals(4)
	split := join(animals(4).below("train"), animals(2).below("test"))
	for name, c := range map[string]struct {
		source string
		val    int
	}{
		"folder":              {plain.folder(t), 0},
		"tar":                 {plain.tar(t, "animals.tar"), 0},
		"tar.gz":              {plain.tar(t, "animals.tar.gz"), 0},
		"tar under no ending": {plain.tar(t, "animals"), 0},
		"wrapped":             {plain.below("animals-1.0/images").tar(t, "a.tar"), 0},
		"dot slash":           {plain.below(".").tar(t, "a.tar"), 0},
		"train only":          {plain.below("train").folder(t), 0},
		"deeper":              {files(map[string][]byte{"cats/x/a.png": plain["cats/a.png"], "cats/b.png": plain["cats/b.png"], "cats/c.png": plain["cats/c.png"], "cats/x/d.png": plain["cats/d.png"], "dogs/a.png": plain["dogs/a.png"], "dogs/b.png": plain["dogs/b.png"], "dogs/c.png": plain["dogs/c.png"], "dogs/d.png": plain["dogs/d.png"]}).folder(t), 0},
		"split":               {split.folder(t), 4},
		"split in a tar.gz":   {split.tar(t, "split.tar.gz"), 4},
		"valid":               {join(animals(4).below("train"), animals(2).below("valid")).folder(t), 4},
		"val wrapped":         {join(animals(4).below("train"), animals(2).below("val")).below("w").tar(t, "v.tar"), 4},
		"beside other files":  {join(plain, files{"README.md": []byte("hello"), ".DS_Store": {0}, "__MACOSX/cats/._a.png": {1}, "cats/list.txt": nil}).folder(t), 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir, summary := prepare(t, c.source, dataloader.PrepareOptions{})
			s := open(t, dir, "train")
			if want := []string{"cats", "dogs"}; !slices.Equal(s.Classes(), want) || !slices.Equal(summary.Classes, want) {
				t.Fatalf("classes %v, %v, want %v", s.Classes(), summary.Classes, want)
			}
			if summary.Train != 8 || summary.Val != c.val || summary.Size != 8 || len(summary.Rejected) != 0 {
				t.Fatalf("summary %+v", summary)
			}
			if want := []int32{0, 0, 0, 0, 1, 1, 1, 1}; !slices.Equal(s.Labels(), want) {
				t.Errorf("labels %v, want %v", s.Labels(), want)
			}
			got := firstBytes(s)
			slices.Sort(got) // the order within a class is that of the paths
			if want := []byte{10, 11, 12, 13, 100, 101, 102, 103}; !slices.Equal(got, want) {
				t.Errorf("images %v, want %v", got, want)
			}
			check(t, s.Verify())
			if c.val == 0 {
				return
			}
			v := open(t, dir, "val")
			if got, want := firstBytes(v), []byte{10, 11, 100, 101}; !slices.Equal(got, want) {
				t.Errorf("validation images %v, want %v", got, want)
			}
		})
	}
}

func TestLinksInFolders(t *testing.T) {
	real := animals(2).folder(t)
	dir := t.TempDir()
	check(t, os.Symlink(filepath.Join(real, "cats"), filepath.Join(dir, "cats")))
	check(t, os.Symlink(filepath.Join(real, "dogs"), filepath.Join(dir, "dogs")))
	check(t, os.Symlink(dir, filepath.Join(real, "dogs", "loop")))
	_, summary := prepare(t, dir, dataloader.PrepareOptions{})
	if summary.Train != 4 || len(summary.Rejected) != 1 || summary.Rejected[0].File != "dogs/loop" {
		t.Errorf("summary %+v", summary)
	}
}

func TestHostileMembers(t *testing.T) {
	f := animals(2)
	f["../../cats/out.png"] = f["cats/a.png"]
	f["/cats/absolute.png"] = f["cats/a.png"]
	source := f.tar(t, "hostile.tar",
		tar.Header{Name: "cats/link.png", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
		tar.Header{Name: "cats/hard.png", Linkname: "cats/a.png", Typeflag: tar.TypeLink},
		tar.Header{Name: "cats/null.png", Typeflag: tar.TypeChar})
	dir, summary := prepare(t, source, dataloader.PrepareOptions{})
	want := map[string]string{
		"../../cats/out.png": "path leads out", "/cats/absolute.png": "path leads out",
		"cats/link.png": "link to /etc/passwd", "cats/hard.png": "link to", "cats/null.png": "not a regular file",
	}
	sameRejected(t, summary.Rejected, want)
	if got := firstBytes(open(t, dir, "train")); !slices.Equal(got, []byte{10, 11, 100, 101}) {
		t.Errorf("images %v", got)
	}
}

// sameRejected compares the files and the beginnings of their causes.
func sameRejected(t *testing.T, got []dataloader.Rejected, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d rejected, want %d: %v", len(got), len(want), got)
	}
	for _, r := range got {
		if cause, ok := want[r.File]; !ok || !strings.Contains(r.Cause, cause) {
			t.Errorf("rejected %s: %q, want %q", r.File, r.Cause, cause)
		}
	}
}

func TestDamagedImagesAreListed(t *testing.T) {
	f := animals(4)
	photo := encodeJPEG(noise(40, 40))
	f["cats/0 cut.jpg"] = photo[:len(photo)/2]
	f["cats/text.jpg"] = []byte("not an image\n")
	f["dogs/empty.png"] = nil
	f["dogs/huge.png"] = hugePNG()
	f["dogs/old.gif"] = []byte("GIF89a")
	f["stray.png"] = f["dogs/a.png"]
	for name, source := range map[string]string{"folder": f.folder(t), "tar.gz": f.tar(t, "a.tar.gz")} {
		t.Run(name, func(t *testing.T) {
			dir, summary := prepare(t, source, dataloader.PrepareOptions{Size: 8})
			want := map[string]string{
				"cats/0 cut.jpg": "cut short",
				"cats/text.jpg":  `neither JPEG nor PNG: starts with "not an i`,
				"dogs/empty.png": "empty file",
				"dogs/huge.png":  "60000x60000 pixels",
				"dogs/old.gif":   "neither JPEG nor PNG",
				"stray.png":      "not in a class folder",
			}
			sameRejected(t, summary.Rejected, want)
			data, err := os.ReadFile(filepath.Join(dir, "rejected.csv"))
			check(t, err)
			rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
			check(t, err)
			if len(rows) != len(want)+1 {
				t.Errorf("rejected.csv: %v", rows)
			}
			s := open(t, dir, "train")
			if got := firstBytes(s); !slices.Equal(got, []byte{10, 11, 12, 13, 100, 101, 102, 103}) {
				t.Errorf("images %v", got)
			}
			names, err := s.Files()
			check(t, err)
			if want := "cats/a.png cats/b.png cats/c.png cats/d.png dogs/a.png dogs/b.png dogs/c.png dogs/d.png"; strings.Join(names, " ") != want {
				t.Errorf("files %v, want %s", names, want)
			}
			check(t, s.Verify())
		})
	}
}

// Whatever is wrong with a source, the error names it, and neither OUT nor OUT.partial is left.
func TestUnusableSources(t *testing.T) {
	broken := animals(2)
	broken["birds/a.jpg"] = []byte("text")
	cut := animals(2).tar(t, "cut.tar.gz")
	data, err := os.ReadFile(cut)
	check(t, err)
	check(t, os.WriteFile(cut, data[:len(data)/2], 0o666))
	text := filepath.Join(t.TempDir(), "notes.txt")
	check(t, os.WriteFile(text, bytes.Repeat([]byte("text "), 300), 0o666))
	zip := filepath.Join(t.TempDir(), "a.zip")
	check(t, os.WriteFile(zip, []byte("PK\x03\x04 and so on"), 0o666))
	set, _ := prepare(t, animals(2).folder(t), dataloader.PrepareOptions{})
	for name, c := range map[string]struct {
		source string
		want   []string
	}{
		"missing":              {filepath.Join(t.TempDir(), "nowhere"), []string{"nowhere", "does not exist"}},
		"empty":                {files{}.folder(t), []string{"source", "no images"}},
		"flat":                 {files{"a.jpg": nil, "b.jpg": nil}.folder(t), []string{"2 images", "none in a class folder", "CLASS/IMAGE"}},
		"only empty folders":   {files{"cats/": nil, "dogs/": nil}.folder(t), []string{"2 folders", "no JPEG or PNG"}},
		"only other formats":   {files{"cats/a.webp": nil}.folder(t), []string{"cats/a.webp", "convert"}},
		"an empty class":       {join(animals(2), files{"birds/": nil}).folder(t), []string{"class birds has no image"}},
		"an empty class, tar":  {join(animals(2), files{"birds/": nil}).tar(t, "a.tar"), []string{"class birds has no image"}},
		"an unreadable class":  {broken.folder(t), []string{"class birds has no readable", "birds/a.jpg", "neither JPEG nor PNG"}},
		"a class only in val":  {join(animals(2).below("train"), animals(2).below("val"), files{"val/birds/a.png": plainPNG(8, 8, grey(1))}).folder(t), []string{"class birds", "val", "not in train"}},
		"val all unreadable":   {join(animals(2).below("train"), files{"val/cats/a.png": {1}}).folder(t), []string{"validation split", "val/cats/a.png"}},
		"a cut archive":        {cut, []string{"cut.tar.gz", "unexpected EOF"}},
		"not an archive":       {text, []string{"notes.txt", "not a folder, .tar or .tar.gz"}},
		"a zip":                {zip, []string{"a.zip", "unpack"}},
		"a packed set":         {set, []string{"packed set already"}},
		"CIFAR for Python":     {files{"cifar-10-batches-py/data_batch_1": {1}}.folder(t), []string{"data_batch_1", "binary version"}},
		"a line break in name": {join(animals(1), files{"a\nb/a.png": plainPNG(8, 8, grey(1))}).folder(t), []string{`"a\nb"`, "line break"}},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			_, err := dataloader.Prepare(context.Background(), c.source, filepath.Join(parent, "set"), dataloader.PrepareOptions{})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if left, _ := os.ReadDir(parent); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for want, o := range map[string]dataloader.PrepareOptions{
		"size -1":                 {Size: -1},
		"validation fraction 1":   {ValFraction: 1},
		"generated.classes: 11":   {Generated: dataloader.Generated{Classes: 11, Train: 20, Size: 16}},
		"generated.train: 3":      {Generated: dataloader.Generated{Classes: 4, Train: 3, Size: 16}},
		"generated.size: 2, want": {Generated: dataloader.Generated{Classes: 4, Train: 30, Size: 2}},
	} {
		_, err := dataloader.Prepare(context.Background(), "generated", filepath.Join(t.TempDir(), "set"), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
}

func TestAutomaticSize(t *testing.T) {
	large := files{"a/x.png": plainPNG(300, 300, grey(9)), "b/x.png": plainPNG(300, 300, grey(9))}
	mixed := files{"a/x.png": plainPNG(8, 8, grey(9)), "b/x.png": plainPNG(9, 9, grey(9))}
	oblong := files{"a/x.png": plainPNG(8, 6, grey(9)), "b/x.png": plainPNG(8, 6, grey(9))}
	for _, c := range []struct {
		name       string
		f          files
		size, want int
	}{
		{"square and alike", animals(1), 0, 8},
		{"large", large, 0, 256},
		{"mixed", mixed, 0, 256},
		{"oblong", oblong, 0, 256},
		{"forced", oblong, 5, 5},
	} {
		dir, summary := prepare(t, c.f.folder(t), dataloader.PrepareOptions{Size: c.size})
		s := open(t, dir, "train")
		if summary.Size != c.want || s.Height() != c.want || s.Width() != c.want {
			t.Errorf("%s: size %d, set %dx%d, want %d", c.name, summary.Size, s.Height(), s.Width(), c.want)
		}
		if image := s.Image(0); image[0] != image[len(image)-1] || len(image) != c.want*c.want*3 {
			t.Errorf("%s: the first and last of %d bytes are %d and %d, want the same", c.name, len(image), image[0], image[len(image)-1])
		}
	}
}

func TestValFraction(t *testing.T) {
	source := animals(10).folder(t)
	o := dataloader.PrepareOptions{ValFraction: 0.3, Seed: 5}
	dir, summary := prepare(t, source, o)
	if summary.Train != 14 || summary.Val != 6 {
		t.Fatalf("%d and %d images, want 14 and 6", summary.Train, summary.Val)
	}
	train, val := firstBytes(open(t, dir, "train")), firstBytes(open(t, dir, "val"))
	all := slices.Concat(train, val)
	slices.Sort(all)
	if len(slices.Compact(all)) != 20 {
		t.Errorf("the splits %v and %v overlap", train, val)
	}
	again, _ := prepare(t, source, o)
	if other := firstBytes(open(t, again, "val")); !slices.Equal(other, val) {
		t.Errorf("the same seed split off %v and %v", val, other)
	}
	o.Seed = 6
	again, _ = prepare(t, source, o)
	if other := firstBytes(open(t, again, "val")); slices.Equal(other, val) {
		t.Errorf("two seeds split off the same %v", val)
	}
}

// The same source gives the same bytes, however many workers and from a folder or an archive.
func TestWorkersDoNotChangeTheSet(t *testing.T) {
	f := files{}
	for k := range 30 {
		f[string([]byte{'a' + byte(k%3), '/', 'a' + byte(k)})+".jpg"] = encodeJPEG(noise(20+k, 31))
	}
	f["a/damaged.jpg"] = f["a/a.jpg"][:300]
	source := f.folder(t)
	var want map[string]string
	for _, workers := range []int{1, 2, 8} {
		dir, _ := prepare(t, source, dataloader.PrepareOptions{Size: 16, Workers: workers, ValFraction: 0.2})
		got := map[string]string{}
		check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			got[strings.TrimPrefix(path, dir)] = string(data)
			return err
		}))
		if want == nil {
			want = got
		}
		if len(got) != 10 || !reflect.DeepEqual(got, want) {
			t.Errorf("%d workers: another set (%d files)", workers, len(got))
		}
	}
}

func TestExistingOutIsKept(t *testing.T) {
	out := t.TempDir()
	check(t, os.WriteFile(filepath.Join(out, "mine"), []byte("x"), 0o666))
	_, err := dataloader.Prepare(context.Background(), animals(1).folder(t), out, dataloader.PrepareOptions{})
	if err == nil || !strings.Contains(err.Error(), out+" exists") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(out, "mine")); err != nil {
		t.Error(err)
	}
}
