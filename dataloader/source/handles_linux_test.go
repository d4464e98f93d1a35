package source_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// descriptors are how many files this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	return len(open)
}

// TestHandles: an archive is closed again after every image.
func TestHandles(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what is lost
	const archives = 80
	f := mini.Files{}
	for k := range archives {
		f[fmt.Sprintf("class%02d.tar", k)] = mini.Files{"a.png": mini.GreyPNG(8, 8, uint8(k)),
			"b.png": mini.GreyPNG(8, 8, uint8(k))}.Tarred(t)
	}
	path := f.Folder(t)
	before := descriptors(t)
	s, err := source.Open([]string{path}, source.Options{})
	check(t, err)
	l, err := s.List(t.Context(), nil)
	check(t, err)
	if len(l.Items) != 2*archives {
		t.Fatalf("%d images, want %d", len(l.Items), 2*archives)
	}
	for range 2 {
		check(t, s.Read(t.Context(), nil, func(_ int, fetch source.Fetch) error {
			_, err := fetch(nil)
			return err
		}))
		if after := descriptors(t); after != before {
			t.Errorf("%d files are open after reading, %d before", after, before)
		}
	}
	check(t, s.Close())
	if after := descriptors(t); after != before {
		t.Errorf("%d files are open after Close, %d before", after, before)
	}
}
