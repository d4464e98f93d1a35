package packed_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/dataloader/packed"
)

// large makes a set of two shards of images of 512x512: one of two 8 MiB steps of reading, and one of part of a step.
func large(t *testing.T) (dir string) {
	const images, all = 12, 14
	dir = t.TempDir()
	c := packed.Contents{
		Index: packed.Index{Request: []byte("{}"), Layout: packed.Layout{Height: 512, Width: 512, Codec: packed.Raw},
			Splits: map[string]packed.Split{}, Checksums: map[string]uint32{}},
		Classes: []packed.Class{{ID: "a"}}, Mean: make([]float32, 3*512*512),
		Splits: map[string]packed.Rows{packed.Train: {Labels: make([]int32, all), Flags: make([]uint8, all),
			Files: make([]string, all)}},
	}
	pixels := make([]byte, c.Index.Pixels())
	for n, first := range []int{0, images} {
		w, err := packed.CreateShard(dir, packed.Train, n, c.Index.Layout, 1<<30)
		check(t, err)
		for i := first; i < images || n > 0 && i < all; i++ {
			for k := range pixels {
				pixels[k] = byte(i + k>>9)
			}
			check(t, w.Append(pixels))
		}
		sums, err := w.Finish()
		check(t, err)
		for name, sum := range sums {
			c.Index.Checksums[name] = sum
		}
	}
	c.Index.Splits[packed.Train] = packed.Split{Images: all, PerClass: []int{all}, Shards: []int{images, all - images}}
	check(t, packed.Write(dir, c))
	return dir
}

// Images that are read in many steps are those of the file, mapped and in memory; Load tells how far it is, and after
// it was ended the set is as it was.
func TestLargeImages(t *testing.T) {
	s := open(t, large(t), packed.Train)
	r, err := s.NewReader()
	check(t, err)
	defer r.Close()
	got, want := make([]byte, s.Index.Pixels()), make([]byte, s.Index.Pixels())
	same := func(how string) {
		t.Helper()
		for i := range s.Len() {
			for k := range want {
				want[k] = byte(i + k>>9)
			}
			s.WillNeed(i)
			check(t, r.Read(i, got))
			if !slices.Equal(got, want) || !slices.Equal(s.Stored(i), want) {
				t.Errorf("%s: image %d differs", how, i)
			}
		}
	}
	same("mapped")
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	err = s.Load(ctx, func(done, total int64) { calls++; cancel() })
	if !errors.Is(err, context.Canceled) || calls > 2 { // each of the two shards may have been in a step
		t.Errorf("canceled: error %v after %d steps", err, calls)
	}
	same("canceled")
	last, bytes := int64(0), s.Bytes()
	check(t, s.Load(context.Background(), func(done, total int64) {
		if done <= last || done-last > 8<<20 || total != bytes {
			t.Errorf("%d of %d bytes after %d", done, total, last)
		}
		last = done
	}))
	if last != bytes || last != int64(s.Len()*len(want)) {
		t.Errorf("%d of %d bytes were read", last, bytes)
	}
	same("loaded")
	check(t, s.Load(context.Background(), func(int64, int64) { t.Error("loaded twice") }))
	check(t, s.Close())
	check(t, s.Close())
}

// resum makes the checksum of a file in the index that of the file as it is.
func resum(t *testing.T, dir, name string) {
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	check(t, err)
	edit(packed.IndexFile, func(d []byte) []byte {
		var x map[string]any
		check(t, json.Unmarshal(d, &x))
		x["crc32c"].(map[string]any)[name] = packed.Extend(0, data)
		d, err := json.Marshal(x)
		check(t, err)
		return d
	})(t, dir)
}
