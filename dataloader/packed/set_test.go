package packed_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lacks reports which of the texts an error does not have.
func lacks(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%s: error %v, want %q", what, err, w)
		}
	}
}

const side = 12

// pixels is image i of a test's set: smooth, so that JPEG keeps it, and another one for every i.
func pixels(i int) []byte {
	p := make([]byte, side*side*3)
	for k := range p {
		p[k] = uint8(40 + 5*i%160 + k/side/3*2 + k%3*20)
	}
	return p
}

// counts are the images of the splits of a test's set.
var counts = map[string]int{packed.Train: 10, packed.Val: 3}

// write makes a set of two classes, in shards of at most so many bytes.
func write(t testing.TB, codec string, limit int64) string {
	dir := filepath.Join(t.TempDir(), "set")
	l := packed.Layout{Height: side, Width: side, Codec: codec}
	mean := make([]float32, 3*side*side)
	for i := range mean {
		mean[i] = float32(i%511) / 2 // up to 255
	}
	c := packed.Contents{
		Index: packed.Index{Kind: "test", Decoder: "none", Request: []byte(`{"a":1}`), Layout: l,
			Splits: map[string]packed.Split{}, Checksums: map[string]uint32{}, ChannelMean: [3]float32{1, 2, 3},
			ColorStd:   [3]float32{4, 5, 6},
			ColorEigen: [3][3]float32{{1, 0, 0}, {0, 0, 1}, {0, -1, 0}}},
		Classes: []packed.Class{{ID: "n1", Name: "a cat"}, {ID: "n2"}}, Mean: mean,
		Rejected: []packed.Rejected{{File: "x,y.jpg", Cause: "cut \"short\""}}, Splits: map[string]packed.Rows{},
	}
	for name, n := range counts {
		split := packed.Split{Images: n, PerClass: []int{n / 2, n - n/2}}
		var rows packed.Rows
		var w *packed.ShardWriter
		finish := func() {
			sums, err := w.Finish()
			check(t, err)
			for file, crc := range sums {
				c.Index.Checksums[file] = crc
			}
			split.Shards = append(split.Shards, w.Len())
		}
		for i := range n {
			stored := pixels(i)
			if codec == packed.JPEG {
				var err error
				stored, err = picture.EncodeJPEG(stored, side, 95)
				check(t, err)
			}
			if w != nil && !w.Takes(len(stored)) {
				finish()
				w = nil
			}
			if w == nil {
				var err error
				w, err = packed.CreateShard(dir, name, len(split.Shards), l, limit)
				check(t, err)
			}
			check(t, w.Append(stored))
			split.Content = packed.Extend(split.Content, stored)
			label := int32(0)
			if i >= n/2 {
				label = 1
			}
			rows.Labels, rows.Flags, rows.Files = append(rows.Labels, label), append(rows.Flags, uint8(i)), append(rows.Files,
				name+string(rune('a'+i)))
		}
		finish()
		c.Index.Splits[name], c.Splits[name] = split, rows
	}
	check(t, packed.Write(dir, c))
	return dir
}

func open(t testing.TB, dir, split string) *packed.Set {
	t.Helper()
	s, err := packed.Open(dir, split)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// What was written is read, whatever the codec, the shards, and whether it is mapped or in memory.
func TestRoundTrip(t *testing.T) {
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		for _, limit := range []int64{1, 3 * side * side * 3, 1 << 30} {
			dir := write(t, codec, limit)
			check(t, packed.Verify(context.Background(), dir, nil))
			for name, n := range counts {
				s := open(t, dir, name)
				sameImages(t, s, n)
				read := int64(0)
				check(t, s.Load(context.Background(), func(done, total int64) { read = done }))
				if read != s.Bytes() {
					t.Errorf("loaded %d of %d bytes", read, s.Bytes())
				}
				sameImages(t, s, n)
				want := map[int64]int{1: n, 3 * side * side * 3: (n + 2) / 3, 1 << 30: 1}[limit]
				if shards := s.Index.Splits[name].Shards; codec == packed.Raw && len(shards) != want {
					t.Errorf("%s: %d shards with a limit of %d, want %d", name, len(shards), limit, want)
				}
			}
		}
	}
}

// sameImages compares what a set holds with what write wrote.
func sameImages(t *testing.T, s *packed.Set, n int) {
	t.Helper()
	r, err := s.NewReader()
	check(t, err)
	defer r.Close()
	files, err := s.Files()
	check(t, err)
	flags, err := s.Flags()
	check(t, err)
	if s.Len() != n || len(files) != n || len(flags) != n || s.Height() != side || s.Width() != side {
		t.Fatalf("%d images, %d files, %d flags of %dx%d", s.Len(), len(files), len(flags), s.Height(), s.Width())
	}
	if c := s.Classes(); c[0].String() != "n1 (a cat)" || c[1].String() != "n2" {
		t.Errorf("classes %v", c)
	}
	if ids := s.ClassIDs(); !slices.Equal(ids, []string{"n1", "n2"}) {
		t.Errorf("class IDs %q", ids)
	}
	for i, v := range s.MeanImage() {
		if v != float32(i%511)/2 {
			t.Fatalf("mean image: %v at %d", v, i)
		}
	}
	if s.ChannelMean() != [3]float32{1, 2, 3} || s.ColorStd() != [3]float32{4, 5, 6} ||
		s.ColorEigen() != [3][3]float32{{1, 0, 0}, {0, 0, 1}, {0, -1, 0}} {
		t.Errorf("statistics %v, %v, %v", s.ChannelMean(), s.ColorStd(), s.ColorEigen())
	}
	got := make([]byte, side*side*3)
	for i := range n {
		s.WillNeed(i)
		check(t, r.Read(i, got))
		for k, want := range pixels(i) {
			if d := int(got[k]) - int(want); d < -6 || d > 6 || d != 0 && s.Index.Codec == packed.Raw { // JPEG of quality 95
				t.Fatalf("image %d of %s: byte %d is %d, want %d", i, s.Index.Codec, k, got[k], want)
			}
		}
		if want := int32(2 * i / n); s.Labels()[i] != want && n%2 == 0 {
			t.Errorf("image %d: label %d, want %d", i, s.Labels()[i], want)
		}
		if flags[i] != uint8(i) || !strings.HasSuffix(files[i], string(rune('a'+i))) {
			t.Errorf("image %d: flags %d, file %s", i, flags[i], files[i])
		}
	}
}

// The same images in other shards are the same set; other labels or another codec are not.
func TestIdentity(t *testing.T) {
	a, b := open(t, write(t, packed.Raw, 1), packed.Train), open(t, write(t, packed.Raw, 1<<30), packed.Train)
	if a.Identity() != b.Identity() {
		t.Errorf("in other shards: %s and %s", a.Identity(), b.Identity())
	}
	if c := open(t, write(t, packed.JPEG, 1), packed.Train); c.Identity() == a.Identity() {
		t.Errorf("as JPEG: %s", c.Identity())
	}
}

func edit(name string, f func(data []byte) []byte) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, name), f(data), 0o666))
	}
}

func replace(name, from, to string) func(*testing.T, string) {
	return edit(name, func(data []byte) []byte {
		if !strings.Contains(string(data), from) {
			panic(name + " lacks " + from)
		}
		return []byte(strings.Replace(string(data), from, to, 1))
	})
}

// word writes element i of an array of 4-byte numbers.
func word(name string, i int, v uint32) func(*testing.T, string) {
	return edit(name, func(data []byte) []byte {
		binary.LittleEndian.PutUint32(data[128+4*i:], v)
		return data
	})
}

// Every file of a set that is damaged in any of these ways is refused, and the error names it.
func TestDamagedSets(t *testing.T) {
	whole := map[string]string{packed.Raw: write(t, packed.Raw, 4*side*side*3), packed.JPEG: write(t, packed.JPEG, 1<<20)}
	cut := func(data []byte) []byte { return data[:len(data)-1] }
	gone := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { check(t, os.Remove(filepath.Join(dir, name))) }
	}
	for name, c := range map[string]struct {
		codec  string
		damage func(t *testing.T, dir string)
		want   []string
	}{
		"no set.json": {packed.Raw, gone("set.json"), []string{"not a packed set"}},
		"set.json cut": {packed.Raw, edit("set.json", func(d []byte) []byte { return d[:len(d)/2] }),
			[]string{"set.json", "damaged"}},
		"older version": {packed.Raw, replace("set.json", `"version": 2`, `"version": 1`),
			[]string{"set.json", "version 1", "reads version 2"}},
		"another format": {packed.Raw, replace("set.json", "duet packed set", "other"), []string{"set.json", `"other"`}},
		"another codec": {packed.Raw, replace("set.json", `"codec": "raw"`, `"codec": "png"`),
			[]string{"set.json", `codec "png"`, `"jpeg"`}},
		"unknown key": {packed.Raw, replace("set.json", `"kind"`, `"sort"`), []string{"set.json", "sort"}},
		"count": {packed.Raw, replace("set.json", `"images": 10`, `"images": 11`),
			[]string{"set.json", "11 images, 10 in"}},
		"shards": {packed.Raw, replace("set.json", "4,\n        4,", "4,\n        3,"),
			[]string{"set.json", "10 images", "9 in 3 shards"}},
		"no training split": {packed.Raw, replace("set.json", `"train": {`, `"test": {`), []string{"set.json", "train"}},
		"a checksum less": {packed.Raw, replace("set.json", "classes.txt", "../secret"),
			[]string{"set.json", "../secret", "no file of the set"}},
		"size": {packed.Raw, replace("set.json", `"height": 12`, `"height": 13`),
			[]string{"mean.npy", "[3 12 12]", "[3 13 12]"}},
		"mean of 256": {packed.Raw, replace("set.json", `"channel_mean": [`, `"channel_mean": [256,`),
			[]string{"channel_mean"}},
		"classes": {packed.Raw, edit("classes.txt", func(d []byte) []byte { return append(d, "more\n"...) }),
			[]string{"classes.txt", "3 lines", "2 classes"}},
		"label too large": {packed.Raw, word("train/labels.npy", 7, 2),
			[]string{"labels.npy", "label 2 of image 7", "0 to 1"}},
		"label negative": {packed.Raw, word("train/labels.npy", 7, ^uint32(0)),
			[]string{"labels.npy", "label -1 of image 7"}},
		"labels cut": {packed.Raw, edit("train/labels.npy", cut), []string{"labels.npy", "40 bytes", "39 bytes"}},
		"images cut": {packed.Raw, edit("train/images-00001.npy", cut),
			[]string{"images-00001.npy", "1728 bytes", "1727 bytes"}},
		"images missing": {packed.Raw, gone("train/images-00002.npy"), []string{"images-00002.npy"}},
		"header lies": {packed.Raw, replace("train/images-00000.npy", "(4, 12, 12, 3)", "(9, 12, 12, 3)"),
			[]string{"images-00000.npy", "[9 12 12 3]", "1728 bytes follow"}},
		"fortran order": {packed.Raw, replace("train/images-00000.npy", "False", "True "),
			[]string{"images-00000.npy", "fortran_order"}},
		"another type": {packed.Raw, replace("train/labels.npy", "<i4", "<f8"), []string{"labels.npy", "<f8"}},
		"mean no number": {packed.Raw, edit("mean.npy",
			func(d []byte) []byte { copy(d[128:], "\x00\x00\xc0\x7f"); return d }), []string{"mean.npy", "NaN"}},
		"offsets missing": {packed.JPEG, gone("train/offsets-00000.npy"), []string{"offsets-00000.npy"}},
		"offsets fall": {packed.JPEG, word("train/offsets-00000.npy", 2, 1<<20),
			[]string{"offsets-00000.npy", "rise from 0"}},
		"offsets too far": {packed.JPEG, word("train/offsets-00000.npy", 20, 1<<20),
			[]string{"offsets-00000.npy", "rise from 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "set")
			check(t, os.CopyFS(dir, os.DirFS(whole[c.codec])))
			c.damage(t, dir)
			s, err := packed.Open(dir, packed.Train)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

// Verify names every file in which a bit is wrong or that is missing.
func TestVerify(t *testing.T) {
	dir := write(t, packed.Raw, 4*side*side*3)
	flip := func(d []byte) []byte { d[200] ^= 4; return d }
	edit("val/images-00000.npy", flip)(t, dir)
	edit("train/images-00001.npy", flip)(t, dir)
	check(t, os.Remove(filepath.Join(dir, "rejected.csv")))
	err := packed.Verify(context.Background(), dir, nil)
	damaged, ok := errors.AsType[packed.Damaged](err)
	if !ok || len(damaged) != 3 {
		t.Fatalf("error %v, want three damaged files", err)
	}
	for _, want := range []string{"val/images-00000.npy", "train/images-00001.npy", "rejected.csv"} {
		if !strings.Contains(err.Error(), filepath.FromSlash(want)) {
			t.Errorf("error %q lacks %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := packed.Verify(ctx, write(t, packed.Raw, 1<<20), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: error %v", err)
	}
}

// Verify names every split whose files are what was written, and yet do not fit together.
func TestVerifyNamesEverySplit(t *testing.T) {
	dir := write(t, packed.Raw, 1<<20)
	for _, split := range []string{packed.Train, packed.Val} {
		name := split + "/labels.npy"
		word(name, 0, 7)(t, dir) // of two classes
		resum(t, dir, name)
	}
	damaged, ok := errors.AsType[packed.Damaged](packed.Verify(context.Background(), dir, nil))
	if !ok || len(damaged) != 2 || !strings.Contains(damaged[0], "train") || !strings.Contains(damaged[1], "val") {
		t.Errorf("damaged %q, want a line for train and one for val", []string(damaged))
	}
}

// A set is not there without set.json, which is not written when anything else could not be.
func TestWriteFails(t *testing.T) {
	whole := write(t, packed.Raw, 1<<20)
	x, err := packed.ReadIndex(whole)
	check(t, err)
	c := packed.Contents{Index: x, Classes: []packed.Class{{ID: "n1"}, {ID: "n2"}}, Mean: make([]float32, 3*side*side),
		Splits: map[string]packed.Rows{}}
	for name, n := range counts {
		c.Splits[name] = packed.Rows{Labels: make([]int32, n), Flags: make([]uint8, n), Files: make([]string, n)}
	}
	files := []string{"classes.txt", "mean.npy", "rejected.csv", "set.json"}
	for name := range counts {
		files = append(files, name+"/labels.npy", name+"/flags.npy", name+"/files.csv")
	}
	for _, name := range files {
		dir := t.TempDir()
		check(t, os.MkdirAll(filepath.Join(dir, name), 0o777)) // a folder in its place
		if err := packed.Write(dir, c); err == nil || !strings.Contains(err.Error(), filepath.FromSlash(name)) {
			t.Errorf("%s cannot be written: error %v", name, err)
		}
		if info, err := os.Stat(filepath.Join(dir, packed.IndexFile)); err == nil && !info.IsDir() {
			t.Errorf("%s cannot be written: there is a %s", name, packed.IndexFile)
		}
	}
	check(t, packed.Write(t.TempDir(), c))
}

// A damaged JPEG shows when it is read, and the error says which image.
func TestDamagedJPEG(t *testing.T) {
	dir := write(t, packed.JPEG, 1<<20)
	edit("train/images-00000.npy", func(d []byte) []byte {
		return append(d[:128:128],
			slices.Repeat([]byte{0}, len(d)-128)...)
	})(t, dir)
	r, err := open(t, dir, packed.Train).NewReader()
	check(t, err)
	defer r.Close()
	if err := r.Read(4, make([]byte, side*side*3)); err == nil ||
		!strings.Contains(err.Error(), "image 4 of split train of "+dir) {
		t.Errorf("error %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := write(t, packed.Raw, 1<<20)
	if _, err := packed.Open(dir, "test"); err == nil || !strings.Contains(err.Error(), `want "train" or "val"`) {
		t.Errorf("another split: error %v", err)
	}
	var x map[string]any
	data, err := os.ReadFile(filepath.Join(dir, "set.json"))
	check(t, err)
	check(t, json.Unmarshal(data, &x))
	delete(x["splits"].(map[string]any), "val")
	sums := x["crc32c"].(map[string]any)
	for name := range sums {
		if strings.HasPrefix(name, "val/") {
			delete(sums, name)
		}
	}
	data, err = json.Marshal(x)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "set.json"), data, 0o666))
	if _, err := packed.Open(dir, packed.Val); !errors.Is(err, packed.ErrNoSplit) {
		t.Errorf("no validation split: error %v, want ErrNoSplit", err)
	}
}
