//go:build linux || darwin

package packed_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"duet/dataloader/packed"
)

// child, where it is set, says that this process is one of alone.
const child = "DUET_PACKED_CHILD"

// alone runs the test that calls it in a process of its own, and is true there: a limit on the size of files is one on
// all files of a process, those of go test too.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(child) != "" {
		signal.Ignore(syscall.SIGXFSZ) // so that a write fails rather than the process
		return true
	}
	exe, err := os.Executable()
	check(t, err)
	cmd := exec.Command(exe, "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	if said, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(said), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, said)
	}
	return false
}

// limited runs f while no file may grow beyond so many bytes: writing more fails, as on a full disk.
func limited(t *testing.T, bytes int64, f func()) {
	t.Helper()
	var before syscall.Rlimit
	check(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	full := before
	full.Cur = uint64(bytes)
	check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full))
	defer func() { check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) }()
	f()
}

// Wherever the disk becomes full, Write fails, and there is no index that can be read.
func TestWriteToFullDisk(t *testing.T) {
	if !alone(t) {
		return
	}
	dir := write(t, packed.Raw, 1<<20)
	x, err := packed.ReadIndex(dir)
	check(t, err)
	c := packed.Contents{Index: x, Classes: []packed.Class{{ID: "n1"}, {ID: "n2"}}, Mean: make([]float32, 3*side*side),
		Splits: map[string]packed.Rows{}}
	for name, n := range counts {
		c.Splits[name] = packed.Rows{Labels: make([]int32, n), Flags: make([]uint8, n), Files: make([]string, n)}
	}
	check(t, packed.Write(dir, c))
	largest := int64(0)
	for _, name := range []string{"classes.txt", "mean.npy", "rejected.csv", "set.json", "train/labels.npy",
		"train/files.csv"} {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		largest = max(largest, info.Size())
		fresh := t.TempDir()
		limited(t, info.Size()-1, func() { err = packed.Write(fresh, c) })
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%d bytes, where %s wants %d: error %v, want EFBIG", info.Size()-1, name, info.Size(), err)
		}
		if _, err := packed.ReadIndex(fresh); err == nil {
			t.Errorf("%d bytes, where %s wants %d: there is an index", info.Size()-1, name, info.Size())
		}
	}
	limited(t, largest, func() { err = packed.Write(dir, c) })
	check(t, err)
	check(t, packed.Verify(t.Context(), dir, nil))
}

// Wherever the disk becomes full, a shard fails, be it when an image comes or in the end.
func TestShardOnFullDisk(t *testing.T) {
	if !alone(t) {
		return
	}
	const images, bytes = 3, 40 * 40 * 3
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		for _, room := range []int64{0, 1, 127, 128, 129, 128 + bytes, 128 + images*bytes - 1, 128 + images*bytes} {
			dir := t.TempDir()
			store := func() error {
				w, err := packed.CreateShard(dir, packed.Train, 0, packed.Layout{Height: 40, Width: 40, Codec: codec}, 1<<30)
				if err != nil {
					return err
				}
				defer w.Abandon()
				for range images {
					if err := w.Append(make([]byte, bytes)); err != nil {
						return err
					}
				}
				_, err = w.Finish()
				return err
			}
			var err error
			limited(t, room, func() { err = store() })
			if full := room < 128+images*bytes; full != errors.Is(err, syscall.EFBIG) || !full && err != nil {
				t.Errorf("%s, %d bytes: error %v", codec, room, err)
			}
		}
	}
}

// An image that does not fit on the disk, nor in what is kept in memory, is an error at once, and is none of the
// shard's.
func TestAppendToFullDisk(t *testing.T) {
	if !alone(t) {
		return
	}
	l := packed.Layout{Height: 1024, Width: 1024, Codec: packed.Raw}
	w, err := packed.CreateShard(t.TempDir(), packed.Train, 0, l, 1<<30)
	check(t, err)
	defer w.Abandon()
	limited(t, 1000, func() { err = w.Append(make([]byte, l.Pixels())) })
	if !errors.Is(err, syscall.EFBIG) || w.Len() != 0 {
		t.Errorf("%d images, error %v, want EFBIG", w.Len(), err)
	}
}
