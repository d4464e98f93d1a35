package dataloader_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"duet/dataloader"
	"duet/dataloader/generated"
	"duet/dataloader/picture"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

func TestMaterialize(t *testing.T) {
	t.Chdir(t.TempDir())
	c := dataloader.Default()
	c.Path, c.Generated = "generated", generated.Options{Classes: 2, Train: 4, Val: 2, Size: 8}
	done := 0
	count := func(p prepare.Progress) { done = max(done, p.Done) }
	dir, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{Progress: count})
	check(t, err)
	if !strings.HasPrefix(filepath.ToSlash(dir), "data/generated-") || done != 6 {
		t.Errorf("made %s with %d images", dir, done)
	}
	done = 0
	again, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{Progress: count})
	if err != nil || again != dir || done != 0 {
		t.Errorf("the second time: %s, %d images, error %v", again, done, err)
	}
	c.Seed = 1
	if other, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{}); err != nil || other == dir {
		t.Errorf("another seed: %s, error %v", other, err)
	}
	c.Packed = dir
	if _, err = dataloader.Materialize(context.Background(), c, dataloader.Hooks{}); err == nil ||
		!strings.Contains(err.Error(), "seed 1 instead of 0") {
		t.Errorf("a set of another seed: error %v", err)
	}
	c.Path, c.Packed, c.Seed = dir, "", 0
	if packed, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{}); err != nil || packed != dir {
		t.Errorf("a packed set: %s, error %v", packed, err)
	}
	c.Path, c.Size = dir, 12
	if _, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{}); err == nil ||
		!strings.Contains(err.Error(), "data.size = 12") {
		t.Errorf("a packed set of another size: error %v", err)
	}
	c.Size = 0
	c.Path = "nowhere"
	if _, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{}); err == nil ||
		!strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a missing source: error %v", err)
	}
}

// A set that was packed from a source is used again while the source is unchanged, or gone; not when it has changed.
func TestMaterializeSeesChanges(t *testing.T) {
	photos := mini.Animals(2).Folder(t)
	t.Chdir(t.TempDir())
	c := dataloader.Default()
	c.Path = photos
	dir, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{})
	check(t, err)
	if again, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{}); err != nil || again != dir {
		t.Errorf("unchanged: %s, error %v", again, err)
	}
	added := filepath.Join(photos, "cats", "z.png")
	check(t, os.WriteFile(added, mini.GreyPNG(8, 8, 1), 0o666))
	if _, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{}); err == nil ||
		!strings.Contains(err.Error(), "has changed since it was packed into "+dir) {
		t.Errorf("with an image more: error %v", err)
	}
	check(t, os.RemoveAll(photos))
	if again, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{}); err != nil || again != dir {
		t.Errorf("gone: %s, error %v", again, err)
	}
}

// Other data for a network is read as what it learned from, and all of it.
func TestWhole(t *testing.T) {
	c := dataloader.Default()
	c.Path, c.Packed, c.PerClass, c.ValFraction, c.Classes = "set", "packed", 3, 0.2, []string{"a", "b"}
	reading := picture.Reading{EXIF: true, AllowTruncated: true}
	w := c.Whole(mini.Animals(2).Folder(t), 24, reading)
	if w.Size != 24 || !w.EXIF || !w.AllowTruncated || w.ValFraction != 0 || w.PerClass != 0 || w.Packed != "" ||
		!slices.Equal(w.Classes, c.Classes) {
		t.Errorf("of a source: %+v", w)
	}
	set := run(t, mini.Animals(2).Folder(t), prepare.Options{})
	w = c.Whole(set, 24, reading)
	if dir, err := dataloader.Materialize(context.Background(), w, dataloader.Hooks{}); dir != set || err != nil {
		t.Errorf("of a packed set: %s, error %v", dir, err)
	}
}

// TestMaterializeTogether: of several that ask for the same set at once one packs it, and all get it.
func TestMaterializeTogether(t *testing.T) {
	t.Chdir(t.TempDir())
	c := dataloader.Default()
	c.Path, c.Generated = "generated", generated.Options{Classes: 4, Train: 2000, Val: 20, Size: 24}
	const together = 6
	var group sync.WaitGroup
	var packed, waited atomic.Int32
	for range together {
		group.Go(func() {
			all := 0
			dir, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{
				Progress: func(p prepare.Progress) { all = p.Done },
				Waits:    func(string) { waited.Add(1) },
			})
			if err != nil || !strings.HasPrefix(filepath.ToSlash(dir), "data/generated-") {
				t.Errorf("%s, error %v", dir, err)
			}
			if all == 2020 {
				packed.Add(1)
			}
		})
	}
	group.Wait()
	if n := packed.Load(); n != 1 {
		t.Errorf("%d packed the set, want one", n)
	}
	if waited.Load() == 0 {
		t.Error("nobody was told that it waits")
	}
	if left, err := filepath.Glob("data/*"); err != nil || len(left) != 1 {
		t.Errorf("left: %v, error %v", left, err)
	}
}

// TestMaterializeStopsWaiting: the wait ends with its context.
func TestMaterializeStopsWaiting(t *testing.T) {
	t.Chdir(t.TempDir())
	c := dataloader.Default()
	c.Path, c.Packed, c.Generated = "generated", "set", generated.Options{Classes: 2, Train: 40, Val: 4, Size: 8}
	// while the set is being made
	_, err := dataloader.Materialize(context.Background(), c, dataloader.Hooks{Suits: func(prepare.Outline) error {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond) // time for a second look
		defer cancel()
		waits := 0
		_, err := dataloader.Materialize(ctx, c, dataloader.Hooks{Waits: func(dir string) {
			if waits++; dir != "set" {
				t.Errorf("waits for %s", dir)
			}
		}})
		if !errors.Is(err, context.DeadlineExceeded) || waits != 1 {
			t.Errorf("told %d times that it waits, error %v, want once and DeadlineExceeded", waits, err)
		}
		return nil
	}})
	check(t, err)
}
