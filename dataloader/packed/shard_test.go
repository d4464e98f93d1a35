package packed_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"duet/dataloader/packed"
)

// A shard that cannot be begun is an error that names what is in its way.
func TestCreateShardFails(t *testing.T) {
	l := packed.Layout{Height: 2, Width: 2, Codec: packed.Raw}
	for _, blocked := range []string{"train", "train/images-00003.npy/x"} {
		dir := t.TempDir()
		path := filepath.Join(dir, filepath.FromSlash(blocked))
		check(t, os.MkdirAll(filepath.Dir(path), 0o777))
		check(t, os.WriteFile(path, nil, 0o666))
		_, err := packed.CreateShard(dir, packed.Train, 3, l, 1<<20)
		lacks(t, blocked, err, filepath.Join(dir, "train"))
	}
}

// Pixels of another size than the set's are refused, and the shard goes on without them; JPEG files are of any size.
func TestAppendSize(t *testing.T) {
	dir := t.TempDir()
	for codec, taken := range map[string]bool{packed.Raw: false, packed.JPEG: true} {
		w, err := packed.CreateShard(dir, codec, 0, packed.Layout{Height: 2, Width: 2, Codec: codec}, 1<<20)
		check(t, err)
		defer w.Abandon()
		check(t, w.Append(make([]byte, 12)))
		for _, size := range []int{0, 11, 13} {
			before := w.Len()
			if err := w.Append(make([]byte, size)); (err == nil) != taken || (w.Len() == before+1) != taken {
				t.Errorf("%s: %d bytes: %d images after %d, error %v", codec, size, w.Len(), before, err)
			} else if !taken {
				lacks(t, codec, err, "images-00000.npy", "want 12")
			}
		}
	}
}

// A shard takes images up to its limit, and one in any case.
func TestTakes(t *testing.T) {
	for _, c := range []struct {
		limit int64
		next  int
		want  []bool // by the number of images of 12 bytes that are there
	}{{0, 12, []bool{true, false}}, {36, 12, []bool{true, true, true, false}}, {35, 12, []bool{true, true, false}}, {36,
		13, []bool{true, true, false}}} {
		w, err := packed.CreateShard(t.TempDir(), packed.Train, 0, packed.Layout{Height: 2, Width: 2, Codec: packed.Raw},
			c.limit)
		check(t, err)
		for n, want := range c.want {
			if got := w.Takes(c.next); got != want || w.Len() != n {
				t.Errorf("limit %d, %d images: takes %d bytes: %t, want %t", c.limit, w.Len(), c.next, got, want)
			}
			check(t, w.Append(make([]byte, 12)))
		}
		w.Abandon()
		w.Abandon()
	}
}

// A shard whose file is lost while it is written is not finished.
func TestFinishFails(t *testing.T) {
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		dir := t.TempDir()
		w, err := packed.CreateShard(dir, packed.Train, 0, packed.Layout{Height: 2, Width: 2, Codec: codec}, 1<<20)
		check(t, err)
		check(t, w.Append(bytes.Repeat([]byte{9}, 12)))
		name := "images-00000.npy"
		check(t, os.Remove(filepath.Join(dir, packed.Train, name)))
		if codec == packed.JPEG {
			name = "offsets-00000.npy"
			check(t, os.Mkdir(filepath.Join(dir, packed.Train, name), 0o777))
		}
		sums, err := w.Finish()
		if sums != nil {
			t.Errorf("%s: checksums %v", codec, sums)
		}
		lacks(t, codec, err, filepath.Join(dir, packed.Train, name))
	}
}
