//go:build unix

package packed_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"duet/dataloader/packed"
)

// A set that is cut while it is mapped is an error that names the file, for the images that are gone alone.
func TestCutWhileMapped(t *testing.T) {
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		dir := write(t, codec, 4*side*side*3)
		s := open(t, dir, packed.Train)
		r, err := s.NewReader()
		check(t, err)
		defer r.Close()
		last := len(s.Index.Splits[packed.Train].Shards) - 1
		path := filepath.Join(dir, filepath.FromSlash(s.Index.ShardFiles(packed.Train, last)[0]))
		check(t, os.Truncate(path, 0))
		got := make([]byte, side*side*3)
		check(t, r.Read(0, got))
		for range 2 { // the second time too
			if err := r.Read(s.Len()-1, got); err == nil || !strings.Contains(err.Error(), path+" cannot be read") {
				t.Errorf("%s: error %v, want one of %s", codec, err, path)
			}
		}
		check(t, r.Read(1, got))
		if _, err := s.AppendStored(nil, s.Len()-1); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: AppendStored: error %v, want one of %s", codec, err, path)
		}
	}
}

// A file that was cut before it is loaded is named, with its size and the one it should have.
func TestCutBeforeLoad(t *testing.T) {
	dir := write(t, packed.Raw, 1<<20)
	s := open(t, dir, packed.Train)
	path := filepath.Join(dir, "train", "images-00000.npy")
	check(t, os.Truncate(path, 200))
	if err := s.Load(context.Background(), nil); err == nil || !strings.Contains(err.Error(), path+": 200 bytes, want") {
		t.Errorf("error %v", err)
	}
}

// What was loaded into memory does not need its file.
func TestCutAfterLoad(t *testing.T) {
	dir := write(t, packed.Raw, 1<<20)
	s := open(t, dir, packed.Train)
	check(t, s.Load(context.Background(), nil))
	check(t, os.Truncate(filepath.Join(dir, "train", "images-00000.npy"), 0))
	sameImages(t, s, counts[packed.Train])
}

// A page that cannot be read is an error from the first byte of an image's on.
func TestFirstByteCut(t *testing.T) {
	dir := t.TempDir()
	check(t, packed.Write(dir, contents(t, dir, map[string]int{packed.Train: 5000})))
	s := open(t, dir, packed.Train)
	path := filepath.Join(dir, "train", "images-00000.npy")
	check(t, os.Truncate(path, 0))
	for _, i := range []int{0, 1, 4999} {
		_, err := s.AppendStored(nil, i)
		lacks(t, "AppendStored", err, path+" cannot be read any more")
	}
}

// A page of somebody else's that cannot be written is none of the set's: it panics, as it does elsewhere.
func TestFaultOfAnother(t *testing.T) {
	s := open(t, write(t, packed.Raw, 1<<20), packed.Train)
	r, err := s.NewReader()
	check(t, err)
	defer r.Close()
	others, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	check(t, err)
	defer unix.Munmap(others)
	defer func() {
		if _, is := recover().(interface{ Addr() uintptr }); !is {
			t.Error("no fault")
		}
	}()
	t.Errorf("error %v, want a panic", r.Read(0, others))
}
