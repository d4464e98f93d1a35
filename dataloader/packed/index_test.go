package packed_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"duet/dataloader/packed"
)

// index is one that is right, of three images of two classes in two shards.
func index() packed.Index {
	return packed.Index{Format: "duet packed set", Version: 2, Request: []byte("{}"),
		Layout:  packed.Layout{Height: 4, Width: 4, Codec: packed.Raw},
		Classes: 2, Splits: map[string]packed.Split{packed.Train: {Images: 3, PerClass: []int{1, 2}, Shards: []int{2, 1}}}}
}

// read writes an index with checksums of all files, and reads it again.
func read(t *testing.T, x packed.Index) (packed.Index, error) {
	x.Checksums = map[string]uint32{"classes.txt": 1, "mean.npy": 2, "rejected.csv": 3}
	for name, split := range x.Splits {
		for _, file := range []string{"labels.npy", "flags.npy", "files.csv"} {
			x.Checksums[name+"/"+file] = 4
		}
		for n := range split.Shards {
			for _, file := range x.ShardFiles(name, n) {
				x.Checksums[file] = 5
			}
		}
	}
	dir := t.TempDir()
	data, err := json.Marshal(x)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, packed.IndexFile), data, 0o666))
	return packed.ReadIndex(dir)
}

// An indexCase changes an index; want is in the error, "" when it is taken.
type indexCase struct {
	change func(x *packed.Index)
	want   string
}

// What an index says is taken up to its bounds, and refused from there on with a word on what was wanted.
func TestIndexBounds(t *testing.T) {
	const side = "want sides of 1 to 4096"
	const most = math.MaxInt32
	type ix = *packed.Index
	type ints = []int
	split := func(images int, perClass, shards []int) func(ix) {
		return func(x ix) { x.Splits[packed.Train] = packed.Split{Images: images, PerClass: perClass, Shards: shards} }
	}
	classes := func(n, images int, perClass ...int) func(ix) {
		return func(x ix) { x.Classes = n; split(images, perClass, ints{images})(x) }
	}
	cases := map[string]indexCase{
		"nothing":         {func(x ix) {}, ""},
		"another version": {func(x ix) { x.Version = 3 }, "format version 3: this program reads version 2"},
		"height 1":        {func(x ix) { x.Height = 1 }, ""},
		"width 1":         {func(x ix) { x.Width = 1 }, ""},
		"largest":         {func(x ix) { x.Height, x.Width = 4096, 4096 }, ""},
		"height 0":        {func(x ix) { x.Height = 0 }, "images of 0x4: " + side},
		"width 0":         {func(x ix) { x.Width = 0 }, side},
		"height 4097":     {func(x ix) { x.Height = 4097 }, side},
		"width 4097":      {func(x ix) { x.Width = 4097 }, side},
		"JPEG":            {func(x ix) { x.Codec = packed.JPEG }, ""},
		"JPEG, no square": {func(x ix) { x.Codec, x.Width = packed.JPEG, 5 },
			`images of 4x5: want squares with codec "jpeg"`},
		"a split more":     {func(x ix) { x.Splits["test"] = x.Splits[packed.Train] }, `split "test": want "train"`},
		"validation":       {func(x ix) { x.Splits[packed.Val] = x.Splits[packed.Train] }, ""},
		"request":          {func(x ix) { x.Request = []byte("3") }, "damaged: request"},
		"one class":        {classes(1, 1, 1), ""},
		"no class":         {classes(0, 1), "0 classes: want 1 to 2147483647"},
		"classes":          {classes(most, 3, 3, 0), "3 in 2 of 2147483647 classes"},
		"too many classes": {classes(most+1, 3, 3, 0), "2147483648 classes: want 1 to"},
		"empty class":      {split(3, ints{3, 0}, ints{3}), ""},
		"below none":       {split(3, ints{4, -1}, ints{3}), "split train: per_class: a count of -1 images: want 0 to"},
		"empty shard":      {split(3, ints{3, 0}, ints{3, 0}), "shards: a count of 0 images: want 1 to"},
		"no image": {split(0, ints{0, 0}, nil),
			"0 images, 0 in 2 of 2 classes, 0 in 0 shards: want the same number, 1 to 2147483647"},
		"most images":      {split(most, ints{0, most}, ints{most}), ""},
		"too many images":  {split(most+1, ints{1, most}, ints{1, most}), "2147483648 images,"},
		"of one class":     {split(3, ints{most + 1, 0}, ints{3}), "a count of 2147483648 images"},
		"fewer in classes": {split(3, ints{1, 1}, ints{3}), "3 images, 2 in 2 of 2 classes, 3 in 1 shards"},
		"fewer in shards":  {split(3, ints{1, 2}, ints{1, 1}), "3 images, 3 in 2 of 2 classes, 2 in 2 shards"},
		"more classes":     {split(3, ints{1, 1, 1}, ints{3}), "3 in 3 of 2 classes"},
	}
	for name, of := range map[string]struct { // the statistics: each of the numbers
		at        func(x ix, c int) *float32
		low, high float32
	}{
		"channel_mean":             {func(x ix, c int) *float32 { return &x.ChannelMean[c] }, 0, 255},
		"color_std":                {func(x ix, c int) *float32 { return &x.ColorStd[c] }, 0, 255},
		"color_eigen, in a row":    {func(x ix, c int) *float32 { return &x.ColorEigen[1][c] }, -1.001, 1.001},
		"color_eigen, in a column": {func(x ix, c int) *float32 { return &x.ColorEigen[c][1] }, -1.001, 1.001},
	} {
		key, _, _ := strings.Cut(name, ",")
		for c := range 3 {
			for v, want := range map[float32]string{
				of.low: "", of.high: "", (of.low + of.high) / 2: "",
				math.Nextafter32(of.low, -1000): key, math.Nextafter32(of.high, 1000): key,
			} {
				cases[fmt.Sprintf("%s %d is %v", name, c, v)] = indexCase{func(x ix) { *of.at(x, c) = v }, want}
			}
		}
	}
	for name, c := range cases {
		x := index()
		c.change(&x)
		got, err := read(t, x)
		switch {
		case c.want == "" && (err != nil || got.Layout != x.Layout || !reflect.DeepEqual(got.Splits, x.Splits)):
			t.Errorf("%s: %+v, error %v", name, got, err)
		case c.want != "":
			lacks(t, name, err, c.want, packed.IndexFile)
		}
	}
}

// An index that is cut anywhere, and one with any byte of its keys and marks changed, is refused.
func TestDamagedIndex(t *testing.T) {
	dir := write(t, packed.Raw, 1<<20)
	path := filepath.Join(dir, packed.IndexFile)
	whole, err := os.ReadFile(path)
	check(t, err)
	refused := func(what string, data []byte) {
		check(t, os.Remove(path)) // to write over a file takes longer
		check(t, os.WriteFile(path, data, 0o666))
		_, err := packed.ReadIndex(dir)
		lacks(t, what, err, path)
	}
	for i := range len(whole) - 2 { // the last byte is a line's end
		if i%7 == 0 {
			refused(fmt.Sprintf("cut to %d bytes", i), whole[:i])
		}
		if inText := i > 0 && whole[i-1] == '\\'; strings.ContainsRune(`{}[]":,`, rune(whole[i])) && !inText {
			data := bytes.Clone(whole)
			data[i] = '?'
			refused(fmt.Sprintf("byte %d of %q", i, whole[max(0, i-20):i+1]), data)
		}
	}
}

// An index must have the checksum of every file of its set, and of no other.
func TestIndexChecksums(t *testing.T) {
	x, err := read(t, index())
	check(t, err)
	for name := range x.Checksums {
		sum := x.Checksums[name]
		for _, other := range []string{"", "train/images-00002.npy", "val/labels.npy"} {
			delete(x.Checksums, name)
			want := fmt.Sprintf("crc32c of %d files: want all %d", len(x.Checksums), len(x.Checksums)+1)
			if other != "" {
				x.Checksums[other] = sum
				want = fmt.Sprintf("crc32c of %q, which is no file of the set", other)
			}
			dir := t.TempDir()
			data, err := json.Marshal(x)
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, packed.IndexFile), data, 0o666))
			_, err = packed.ReadIndex(dir)
			lacks(t, other+" for "+name, err, want)
			delete(x.Checksums, other)
			x.Checksums[name] = sum
		}
	}
}
