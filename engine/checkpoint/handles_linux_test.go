package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"duet/engine/checkpoint"
)

// TestHandles: nothing that was done to a store leaves a file open, whether it succeeds or not.
func TestHandles(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what is lost
	descriptors := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	s := open(t, t.TempDir(), 1)
	damaged := filepath.Join(t.TempDir(), "damaged.safetensors")
	if err := os.WriteFile(damaged, []byte("none"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		do   func() error
		fail bool
	}{
		{"save", func() error { return s.Save(sample(1), false) }, false},
		{"save the best", func() error { return s.Save(sample(2), true) }, false},
		{"save without a folder", func() error { return checkpoint.Save(filepath.Join(damaged, "x"), sample(1)) }, true},
		{"save on a folder", func() error { return checkpoint.Save(filepath.Dir(damaged), sample(1)) }, true},
		{"load", func() error { _, err := checkpoint.Load(s.BestPath()); return err }, false},
		{"latest", func() error { _, _, skipped, err := s.Latest(); return errors.Join(append(skipped, err)...) }, false},
		{"metadata", func() error { _, err := checkpoint.ReadMeta(s.BestPath()); return err }, false},
		{"load what is none", func() error { _, err := checkpoint.Load(damaged); return err }, true},
		{"metadata of what is none", func() error { _, err := checkpoint.ReadMeta(damaged); return err }, true},
	} {
		before := descriptors()
		if err := c.do(); (err != nil) != c.fail {
			t.Errorf("%s: error %v", c.name, err)
		}
		if after := descriptors(); after != before {
			t.Errorf("%s: %d files are open, %d before", c.name, after, before)
		}
	}
}
