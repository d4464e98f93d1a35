//go:build unix

package packed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// Advice on a part of a mapping is for all of its pages and no other, and the system takes it.
func TestPages(t *testing.T) {
	size := 4 * int(pageSize)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, size), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, unmap, err := mapFile(f, int64(size), true)
	if err != nil || len(data) != size {
		t.Fatalf("%d bytes, error %v", len(data), err)
	}
	defer unmap()
	page := int(pageSize)
	for _, c := range [][2]int{{0, 1}, {0, page}, {1, 2}, {page - 1, page + 1}, {page, 2 * page}, {page + 1, 3 * page},
		{size - 1, size}} {
		part := pages(data[c[0]:c[1]])
		begin := uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(data)))
		if int(begin) != c[0]/page*page || int(begin)+len(part) != c[1] {
			t.Errorf("bytes %d to %d: pages from %d, %d bytes", c[0], c[1], begin, len(part))
		}
	}
}

// A file that cannot be mapped, and memory that is not there, are errors with the size that was asked for.
func TestMapFails(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "empty"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for what, fails := range map[string]func() ([]byte, func() error, error){
		"map 0 bytes":                   func() ([]byte, func() error, error) { return mapFile(f, 0, false) },
		"reserve 4611686018427387904 b": func() ([]byte, func() error, error) { return memory(1 << 62) },
	} {
		if data, free, err := fails(); err == nil || data != nil || free != nil {
			t.Errorf("%s: %d bytes, error %v", what, len(data), err)
		} else if !strings.Contains(err.Error(), what) {
			t.Errorf("error %q lacks %q", err, what)
		}
	}
}
