package prepare_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

func TestSplitsClassesAndNames(t *testing.T) {
	source := mini.Join(mini.Animals(4).Below("train"), mini.Animals(2).Below("test")).Folder(t)
	dir, summary := run(t, source, prepare.Options{})
	if summary.Train != 8 || summary.Val != 4 || summary.Size != 8 || len(summary.Rejected) != 0 ||
		len(summary.Classes) != 2 {
		t.Fatalf("summary %+v", summary)
	}
	s, v := open(t, dir, "train"), open(t, dir, "val")
	if want := []string{"cats", "dogs"}; !slices.Equal(s.ClassIDs(), want) {
		t.Errorf("classes %v, want %v", s.ClassIDs(), want)
	}
	if want := []int32{0, 0, 0, 0, 1, 1, 1, 1}; !slices.Equal(s.Labels(), want) {
		t.Errorf("labels %v, want %v", s.Labels(), want)
	}
	if got, want := firstBytes(s), []byte{10, 11, 12, 13, 100, 101, 102, 103}; !slices.Equal(got, want) {
		t.Errorf("images %v, want %v", got, want)
	}
	if got, want := firstBytes(v), []byte{10, 11, 100, 101}; !slices.Equal(got, want) {
		t.Errorf("validation images %v, want %v", got, want)
	}
	names, err := v.Files()
	check(t, err)
	if want := "test/cats/a.png test/cats/b.png test/dogs/a.png test/dogs/b.png"; strings.Join(names, " ") != want {
		t.Errorf("files %v, want %s", names, want)
	}
	check(t, packed.Verify(context.Background(), dir, nil))
}

// sameRejected compares the files and the beginnings of their causes.
func sameRejected(t *testing.T, got []packed.Rejected, want map[string]string) {
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

func damagedAnimals() (mini.Files, map[string]string) {
	f := mini.Animals(4)
	photo := encodeJPEG(mini.Noise(40, 40))
	f["cats/0 cut.jpg"] = photo[:len(photo)/2]
	f["cats/text.jpg"] = []byte("not an image\n")
	f["dogs/empty.png"] = nil
	f["stray.png"] = f["dogs/a.png"]
	return f, map[string]string{"cats/0 cut.jpg": "cut short", "cats/text.jpg": `not an i`, "dogs/empty.png": "empty",
		"stray.png": "class folder"}
}

// Images that cannot be read are listed with their cause, in the summary and in rejected.csv; the others are there.
func TestDamagedImagesAreListed(t *testing.T) {
	f, want := damagedAnimals()
	for name, source := range map[string]string{"folder": f.Folder(t), "tar.gz": f.Tar(t, "a.tar.gz")} {
		for _, shard := range []int{0, 1} {
			dir, summary := run(t, source, prepare.Options{Settings: prepare.Settings{Size: 8, ShardMiB: shard}})
			sameRejected(t, summary.Rejected, want)
			data, err := os.ReadFile(filepath.Join(dir, "rejected.csv"))
			check(t, err)
			rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
			check(t, err)
			if len(rows) != len(want)+1 {
				t.Errorf("%s: rejected.csv: %v", name, rows)
			}
			got := firstBytes(open(t, dir, "train"))
			slices.Sort(got)
			if !slices.Equal(got, []byte{10, 11, 12, 13, 100, 101, 102, 103}) {
				t.Errorf("%s: images %v", name, got)
			}
			check(t, packed.Verify(context.Background(), dir, nil))
		}
	}
}

// The first image that cannot be taken is the error of a strict preparation.
func TestStrict(t *testing.T) {
	f, _ := damagedAnimals()
	delete(f, "stray.png")
	for name, c := range map[string]struct {
		f    mini.Files
		want string
	}{
		"damaged":              {f, "cats/0 cut.jpg"},
		"found in the listing": {mini.Join(mini.Animals(2), mini.Files{"stray.png": f["dogs/a.png"]}), "stray.png"},
	} {
		parent := t.TempDir()
		_, err := prepare.Run(context.Background(), []string{c.f.Folder(t)}, filepath.Join(parent, "set"),
			prepare.Options{Settings: prepare.Settings{Strict: true, Size: 8}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "strict") {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

// What a source holds beside the images that are asked for is no fault of it.
func TestStrictTakesWhole(t *testing.T) {
	animals := mini.Animals(3)
	split := mini.Join(animals.Below("train"), animals.Below("val"), animals.Below("test"))
	labels := "file,label,split\ncats/a.png,x,train\ndogs/a.png,y,train\ncats/b.png,x,val\ncats/c.png,y,test\n" +
		"dogs/b.png,x,test\ndogs/c.png,y,val\n"
	table := mini.Join(mini.Files{"labels.csv": []byte(labels)}, animals)
	wordnet := mini.Files{"test/images/a.png": animals["cats/a.png"]}
	for name, data := range animals {
		wordnet["train/"+strings.NewReplacer("cats", "n02123045", "dogs", "n02084071").Replace(name)] = data
		wordnet["val/"+strings.NewReplacer("cats", "n02123045", "dogs", "n02084071").Replace(name)] = data
	}
	for name, f := range map[string]mini.Files{
		"three splits":          split,
		"a hidden folder":       mini.Join(animals, mini.Files{".trash/a.png": animals["cats/a.png"]}),
		"masks":                 mini.Join(animals, mini.Files{"cats/masks/a.png": animals["cats/a.png"]}),
		"a table":               table,
		"images without labels": wordnet,
	} {
		o := prepare.Options{Settings: prepare.Settings{Strict: true, Size: 8}}
		if name == "a table" { // of images that lie in folders of their own
			o.Format = "csv"
		}
		_, s := run(t, f.Folder(t), o)
		if len(s.Rejected) == 0 {
			t.Errorf("%s: nothing was left out", name)
		}
	}
}

// Whatever is wrong with a source, the error names it, and neither OUT nor OUT.partial is left.
func TestUnusableSources(t *testing.T) {
	broken := mini.Animals(2)
	broken["birds/a.jpg"] = []byte("text")
	withDocs := mini.Join(mini.Animals(2), mini.Files{"docs/": nil})
	for name, c := range map[string]struct {
		source string
		o      prepare.Options
		want   []string
	}{
		"missing": {filepath.Join(t.TempDir(), "nowhere"), prepare.Options{}, []string{"nowhere"}},
		"an unreadable class": {broken.Folder(t), prepare.Options{},
			[]string{"class birds has no readable", "birds/a.jpg"}},
		"val all unreadable": {mini.Join(mini.Animals(2).Below("train"), mini.Files{"val/cats/a.png": {1}}).Folder(t),
			prepare.Options{}, []string{"validation split", "val/cats/a.png"}},
		"a class without images": {withDocs.Folder(t), prepare.Options{},
			[]string{"class docs has no image", "chosen by name"}},
		"the same, asked for": {withDocs.Folder(t), prepare.Options{Settings: prepare.Settings{Classes: []string{"cats",
			"docs"}}}, []string{"class docs has no image"}},
		"unknown classes": {mini.Animals(2).Folder(t), prepare.Options{Settings: prepare.Settings{Classes: []string{"cats",
			"cows", "pigs"}}}, []string{`no class "cows", "pigs" in`, "2 classes", `"cats"`}},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			_, err := prepare.Run(context.Background(), []string{c.source}, filepath.Join(parent, "set"), c.o)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if left := leftIn(t, parent); len(left) > 0 || errors.Is(err, prepare.ErrKept) {
				t.Errorf("left behind: %v; error %v", left, err)
			}
		})
	}
}

func leftIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestOptionsOutOfRange(t *testing.T) {
	for want, o := range map[string]prepare.Options{
		"size: -1":          {Settings: prepare.Settings{Size: -1}},
		"quality: 50":       {Settings: prepare.Settings{Quality: 50}},
		"workers: -1":       {Workers: -1},
		"generated.classes": {Generated: generated.Options{Classes: 11, Train: 20, Size: 16}},
	} {
		_, err := prepare.Run(context.Background(), []string{"generated"}, filepath.Join(t.TempDir(), "set"), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
}

func TestAutomaticSize(t *testing.T) {
	large := mini.Files{"a/x.png": mini.GreyPNG(300, 300, 9), "b/x.png": mini.GreyPNG(300, 300, 9)}
	mixed := mini.Files{"a/x.png": mini.GreyPNG(8, 8, 9), "b/x.png": mini.GreyPNG(9, 9, 9)}
	one := mini.GreyPNG(4100, 4100, 9) // two are decoded one at a time
	huge := mini.Files{"a/x.png": one, "b/x.png": one}
	oblong := mini.Files{"a/x.png": mini.GreyPNG(8, 6, 9), "b/x.png": mini.GreyPNG(8, 6, 9)}
	for _, c := range []struct {
		name       string
		f          mini.Files
		size, want int
	}{
		{"square and alike", mini.Animals(1), 0, 8},
		{"large", large, 0, 256},
		{"mixed", mixed, 0, 256},
		{"huge", huge, 5, 5},
		{"oblong", oblong, 0, 256},
		{"forced", oblong, 5, 5},
	} {
		dir, summary := run(t, c.f.Folder(t), prepare.Options{Settings: prepare.Settings{Size: c.size}})
		s := open(t, dir, "train")
		if summary.Size != c.want || s.Height() != c.want || s.Width() != c.want {
			t.Errorf("%s: size %d, set %dx%d, want %d", c.name, summary.Size, s.Height(), s.Width(), c.want)
		}
		if image := s.Stored(0); image[0] != image[len(image)-1] || len(image) != c.want*c.want*3 {
			t.Errorf("%s: the first and last of %d bytes are %d and %d, want the same", c.name, len(image), image[0],
				image[len(image)-1])
		}
	}
}

func TestValFraction(t *testing.T) {
	source := mini.Animals(10).Folder(t)
	o := prepare.Options{Settings: prepare.Settings{ValFraction: 0.3, Seed: 5}}
	dir, summary := run(t, source, o)
	if summary.Train != 14 || summary.Val != 6 {
		t.Fatalf("%d and %d images, want 14 and 6", summary.Train, summary.Val)
	}
	train, val := firstBytes(open(t, dir, "train")), firstBytes(open(t, dir, "val"))
	all := slices.Concat(train, val)
	slices.Sort(all)
	if len(slices.Compact(all)) != 20 {
		t.Errorf("the splits %v and %v overlap", train, val)
	}
	again, _ := run(t, source, o)
	if other := firstBytes(open(t, again, "val")); !slices.Equal(other, val) {
		t.Errorf("the same seed split off %v and %v", val, other)
	}
	o.Seed = 6
	again, _ = run(t, source, o)
	if other := firstBytes(open(t, again, "val")); slices.Equal(other, val) {
		t.Errorf("two seeds split off the same %v", val)
	}
}

// A part of a source has the classes and the numbers that were asked for, and nothing else.
func TestSubset(t *testing.T) {
	f := mini.Join(mini.Animals(6), mini.Files{"birds/a.png": mini.GreyPNG(8, 8, 200),
		"birds/b.png": mini.GreyPNG(8, 8, 201)})
	source := mini.Join(f.Below("train"), f.Below("val"), mini.Files{"train/docs/": nil,
		"val/fish/a.png": nil}).Folder(t) // left out
	dir, summary := run(t, source, prepare.Options{Settings: prepare.Settings{Classes: []string{"dogs", "birds"},
		PerClass: 3, ValPerClass: 1, Seed: 2}})
	if summary.Train != 5 || summary.Val != 2 || len(summary.Classes) != 2 {
		t.Fatalf("summary %+v", summary)
	}
	s := open(t, dir, "train")
	if !slices.Equal(s.ClassIDs(), []string{"birds", "dogs"}) || !slices.Equal(s.Labels(), []int32{0, 0, 1, 1, 1}) {
		t.Errorf("classes %v, labels %v", s.ClassIDs(), s.Labels())
	}
	for i, v := range firstBytes(s) {
		if bird := v >= 200; bird != (s.Labels()[i] == 0) || v < 100 {
			t.Errorf("image %d is grey %d under label %d", i, v, s.Labels()[i])
		}
	}
	other, _ := run(t, source, prepare.Options{Settings: prepare.Settings{Classes: []string{"dogs", "birds"}, PerClass: 3,
		Seed: 3}})
	if a, b := firstBytes(s)[2:], firstBytes(open(t, other, "train"))[2:]; slices.Equal(a, b) {
		t.Errorf("two seeds took the same %v", a)
	}
}

// A packed set is a source: of a part of it, and of smaller images.
func TestRepack(t *testing.T) {
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		dir, _ := run(t, mini.Join(mini.Animals(4).Below("train"), mini.Animals(2).Below("val")).Folder(t),
			prepare.Options{Settings: prepare.Settings{Codec: codec}})
		again, summary := run(t, dir, prepare.Options{Settings: prepare.Settings{Size: 4, PerClass: 3,
			Classes: []string{"dogs"}}})
		if summary.Train != 3 || summary.Val != 2 || summary.Size != 4 {
			t.Fatalf("summary %+v", summary)
		}
		for _, v := range firstBytes(open(t, again, "train")) {
			if v < 98 || v > 105 { // greys 100 to 103, JPEG rounds
				t.Errorf("%s: an image is grey %d", codec, v)
			}
		}
		names, err := open(t, again, "val").Files()
		check(t, err)
		if want := "val/dogs/a.png val/dogs/b.png"; strings.Join(names, " ") != want {
			t.Errorf("files %v, want %s", names, want)
		}
		same, _ := run(t, dir, prepare.Options{Settings: prepare.Settings{Codec: codec}})
		if a, b := open(t, dir, "train"), open(t, same, "train"); codec == packed.Raw && a.Identity() != b.Identity() {
			t.Errorf("a copy has identity %s, want %s", b.Identity(), a.Identity())
		}
	}
}

// The same source gives the same bytes, however many workers.
func TestWorkersDoNotChangeTheSet(t *testing.T) {
	f := mini.Files{}
	for k := range 30 {
		f[fmt.Sprintf("%c/%02d.jpg", 'a'+k%3, k)] = encodeJPEG(mini.Noise(20+k, 31))
	}
	f["a/damaged.jpg"] = f["a/00.jpg"][:300]
	source := f.Folder(t)
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		var want map[string]string
		for _, workers := range []int{1, 2, 8} {
			dir, _ := run(t, source, prepare.Options{Settings: prepare.Settings{Size: 16, ValFraction: 0.2, Codec: codec},
				Workers: workers})
			got := contents(t, dir)
			if want == nil {
				want = got
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %d workers: another set (%d files)", codec, workers, len(got))
			}
		}
	}
}

// The flags say what was special about a file.
func TestFlags(t *testing.T) {
	f := mini.Files{"a/1.jpg": encodeJPEG(mini.Noise(40, 40)), "a/2.jpg": encodePNG(mini.Noise(40, 40)),
		"b/3.jpg": encodeJPEG(mini.Noise(10, 10))}
	dir, _ := run(t, f.Folder(t), prepare.Options{Settings: prepare.Settings{Size: 20}})
	flags, err := open(t, dir, "train").Flags()
	check(t, err)
	want := []uint8{0, uint8(picture.NotJPEG), uint8(picture.Upscaled)}
	if !slices.Equal(flags, want) {
		t.Errorf("flags %v, want %v", flags, want)
	}
}

func TestExistingOutIsKept(t *testing.T) {
	out := t.TempDir()
	check(t, os.WriteFile(filepath.Join(out, "mine"), []byte("x"), 0o666))
	_, err := prepare.Run(context.Background(), []string{mini.Animals(1).Folder(t)}, out, prepare.Options{})
	if err == nil || !strings.Contains(err.Error(), out+" exists") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(out, "mine")); err != nil {
		t.Error(err)
	}
}

func TestIndexIsJSON(t *testing.T) {
	dir, _ := run(t, mini.Animals(2).Folder(t), prepare.Options{})
	data, err := os.ReadFile(filepath.Join(dir, "set.json"))
	check(t, err)
	var x map[string]any
	check(t, json.Unmarshal(data, &x))
	for _, key := range []string{"format", "version", "request", "decoder", "splits", "channel_mean", "color_eigen",
		"color_std", "crc32c"} {
		if _, ok := x[key]; !ok {
			t.Errorf("set.json lacks %s", key)
		}
	}
}
