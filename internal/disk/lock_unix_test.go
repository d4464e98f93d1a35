//go:build unix

package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"duet/internal/disk"
)

func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first, second := open(), open()
	for _, c := range []struct {
		f    *os.File
		want bool
	}{{first, true}, {second, false}, {first, true}} {
		if got, err := disk.TryLock(c.f); got != c.want || err != nil {
			t.Errorf("%v, error %v, want %v", got, err, c.want)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := disk.TryLock(second); !got || err != nil {
		t.Errorf("after the first has closed it: %v, error %v", got, err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	// What is no file of a file system with locks is an error, not somebody else's.
	if got, err := disk.TryLock(second); got || err == nil || errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("of a closed file: %v, error %v", got, err)
	}
}
