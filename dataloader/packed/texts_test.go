package packed_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/dataloader/packed"
)

// contents are a set's in dir of so many images of 1x1, in one shard each split, of two classes that take turns.
func contents(t *testing.T, dir string, images map[string]int) packed.Contents {
	t.Helper()
	c := packed.Contents{
		Index: packed.Index{Request: []byte("{}"), Layout: packed.Layout{Height: 1, Width: 1, Codec: packed.Raw},
			Splits: map[string]packed.Split{}, Checksums: map[string]uint32{}},
		Classes: []packed.Class{{ID: "a", Name: "first"}, {ID: "b"}}, Mean: []float32{7, 8, 9},
		Splits: map[string]packed.Rows{},
	}
	for name, n := range images {
		w, err := packed.CreateShard(dir, name, 0, c.Index.Layout, 1<<40)
		check(t, err)
		var rows packed.Rows
		for i := range n {
			check(t, w.Append([]byte{byte(i), byte(i >> 8), byte(i >> 16)}))
			rows.Labels, rows.Flags = append(rows.Labels, int32(i%2)), append(rows.Flags, uint8(i%251))
			rows.Files = append(rows.Files, "x")
		}
		sums, err := w.Finish()
		check(t, err)
		maps.Copy(c.Index.Checksums, sums)
		c.Index.Splits[name], c.Splits[name] = packed.Split{Images: n, PerClass: []int{n - n/2, n / 2},
			Shards: []int{n}}, rows
	}
	return c
}

// The tables and lists of a set are these texts, UTF-8 whatever the names of files are.
func TestTexts(t *testing.T) {
	dir := t.TempDir()
	c := contents(t, dir, map[string]int{packed.Train: 4})
	c.Splits[packed.Train].Files[1], c.Splits[packed.Train].Files[2] = "é/\xff\xfeö.jpg", `a "b", c`
	c.Splits[packed.Train].Files[3] = "�" // is valid UTF-8
	c.Rejected = []packed.Rejected{{File: "\x80.png", Cause: "cut at \xc3"}, {File: "z", Cause: "large, far too"}}
	check(t, packed.Write(dir, c))
	for name, want := range map[string]string{
		"classes.txt":     "a\tfirst\nb\n",
		"rejected.csv":    "file,cause\n\\x80.png,cut at \\xc3\nz,\"large, far too\"\n",
		"train/files.csv": "file,class\nx,a\né/\\xff\\xfeö.jpg,b\n\"a \"\"b\"\", c\",a\n�,b\n",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, error %v, want %q", name, got, err, want)
		}
	}
	s := open(t, dir, packed.Train)
	files, err := s.Files()
	if err != nil || !slices.Equal(files, []string{"x", `é/\xff\xfeö.jpg`, `a "b", c`, "�"}) ||
		s.Index.Rejected != 2 || s.Index.Classes != 2 {
		t.Errorf("files %q of %+v, error %v", files, s.Index, err)
	}
}

// A set of more rows than are written at once keeps all of them.
func TestManyRows(t *testing.T) {
	const n = 1<<17 + 1
	dir := t.TempDir()
	c := contents(t, dir, map[string]int{packed.Train: n})
	check(t, packed.Write(dir, c))
	s := open(t, dir, packed.Train)
	flags, err := s.Flags()
	check(t, err)
	if want := c.Splits[packed.Train]; !slices.Equal(s.Labels(), want.Labels) || !slices.Equal(flags, want.Flags) {
		t.Errorf("%d labels and %d flags are not those that were written", len(s.Labels()), len(flags))
	}
	for _, i := range []int{0, 1, 1 << 16, n - 1} {
		if got := s.Stored(i); !slices.Equal(got, []byte{byte(i), byte(i >> 8), byte(i >> 16)}) {
			t.Errorf("image %d: %v", i, got)
		}
	}
}

// Contents that cannot be of a set are refused, and there is none.
func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	c := contents(t, dir, map[string]int{packed.Train: 4})
	c.Index.ChannelMean[1] = 256
	err := packed.Write(dir, c)
	lacks(t, "a mean of 256", err, filepath.Join(dir, packed.IndexFile), "channel_mean")
	if _, err := os.Stat(filepath.Join(dir, packed.IndexFile)); !os.IsNotExist(err) {
		t.Errorf("there is an index, error %v", err)
	}
}
