package duet_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet"
)

// TestFeaturesResume: interrupted after some batches, WriteFeatures goes on with them, and comes to the same bytes; it
// does not go on with features of another layer.
func TestFeaturesResume(t *testing.T) {
	dir, s := trained(t)
	var progress func(duet.Progress)
	write := func(ctx context.Context, layer, out string) error {
		c, err := duet.Open(s.Folder, duet.OpenOptions{Devices: []string{"reference:0"}, Batch: 5,
			Hooks: duet.Hooks{Progress: func(p duet.Progress) {
				if progress != nil && p.What == "evaluating" {
					progress(p)
				}
			}}})
		check(t, err)
		defer func() { check(t, c.Close()) }()
		set, err := c.OpenTestSet(ctx, filepath.Join(dir, "set"), duet.EvaluateOptions{Split: "train", Any: true})
		check(t, err)
		defer func() { check(t, set.Close()) }()
		return set.WriteFeatures(ctx, layer, filepath.Join(dir, out))
	}
	check(t, write(context.Background(), "fc4", "whole"))
	ctx, cancel := context.WithCancel(context.Background())
	progress = func(p duet.Progress) {
		if p.Done >= 20 {
			cancel()
		}
	}
	if err := write(ctx, "fc4", "cut"); !errors.Is(err, context.Canceled) || !errors.Is(err, duet.ErrFeaturesKept) {
		t.Fatalf("interrupted: %v", err)
	}
	progress = nil
	if err := write(context.Background(), "fc5", "cut"); err == nil || !strings.Contains(err.Error(), "other options") {
		t.Errorf("of another layer: %v", err)
	}
	first := 0
	progress = func(p duet.Progress) {
		if first == 0 {
			first = p.Done
		}
	}
	check(t, write(context.Background(), "fc4", "cut"))
	if first != 25 {
		t.Errorf("it went on to image %d, want 25", first)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "whole"))
	check(t, err)
	if len(entries) != 4 {
		t.Errorf("%d files: %v", len(entries), entries)
	}
	for _, e := range entries {
		whole, err := os.ReadFile(filepath.Join(dir, "whole", e.Name()))
		check(t, err)
		if cut, err := os.ReadFile(filepath.Join(dir, "cut", e.Name())); err != nil || !bytes.Equal(cut, whole) {
			t.Errorf("%s differs: %v", e.Name(), err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "cut.partial")); err == nil {
		t.Error("cut.partial was left")
	}
	progress = func(duet.Progress) { panic("of a folder that is there") }
	if err := write(context.Background(), "fc4", "cut"); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("where there is one: %v", err)
	}
}
