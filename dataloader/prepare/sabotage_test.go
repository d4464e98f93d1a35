package prepare_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// Whatever cannot be written on the way, the preparation fails, and there is no set; when it can be written again, the
// same command comes to the same bytes.
func TestWhatCannotBeWritten(t *testing.T) {
	photos := many().Folder(t)
	o := manyOptions()
	whole, _ := run(t, photos, o)
	want := contents(t, whole)
	// A folder that is not empty, or a file, in the place of what comes later; nothing where something is.
	folder := func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o777) }
	file := func(path string) error { return errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o666)) }
	for _, c := range []struct {
		at       int // images
		path     string
		sabotage func(path string) error
	}{
		{1, ".partial/state/train-00000.new", folder},
		{30, ".partial/state/train-00002.new", folder},
		{30, ".partial/state/train-00003.new", folder}, // shows when the last shard is to be finished
		{100, ".partial/state/val-00000.new", folder},
		{1, ".partial/state", file},
		{1, ".partial/set/train/images-00000.npy", os.Remove},
		{1, ".partial/set/val", file},
		{1, ".partial/set/classes.txt", folder},
		{1, ".partial/set/set.json", folder},
		{120, "", folder}, // the set itself
	} {
		t.Run(c.path, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "set")
			path := out + filepath.FromSlash(c.path)
			done := false
			o := o
			o.Workers = 1
			o.Progress = func(p prepare.Progress) {
				if p.Total > 0 && p.Done >= c.at && !done {
					done = true
					check(t, c.sabotage(path))
				}
			}
			_, err := prepare.Run(context.Background(), []string{photos}, out, o)
			if err == nil || !strings.Contains(err.Error(), path) || !done {
				t.Fatalf("error %v, want one of %s", err, path)
			}
			if _, err := packed.ReadIndex(out); err == nil {
				t.Error("there is a set")
			}
			check(t, os.RemoveAll(path))
			if !errors.Is(err, prepare.ErrKept) { // then nothing is left to go on with
				return
			}
			o.Progress = nil
			if _, err = prepare.Run(context.Background(), []string{photos}, out, o); err != nil {
				t.Fatalf("when it can be written: %v", err)
			}
			if got := contents(t, out); !reflect.DeepEqual(got, want) {
				t.Error("another set")
			}
		})
	}
}

// Finished shards that another decoder made are not gone on with.
func TestAnotherDecoder(t *testing.T) {
	photos, out := many().Folder(t), filepath.Join(t.TempDir(), "set")
	interrupted(t, photos, out)
	path := filepath.Join(out+".partial", "begun.json")
	data, err := os.ReadFile(path)
	check(t, err)
	before, after, found := strings.Cut(string(data), `"decoder": "`)
	if !found {
		t.Fatalf("no decoder in %s", data)
	}
	check(t, os.WriteFile(path, []byte(before+`"decoder": "another `+after), 0o666))
	_, err = prepare.Run(context.Background(), []string{photos}, out, manyOptions())
	if err == nil || !strings.Contains(err.Error(), "JPEG files were decoded by another ") ||
		!strings.Contains(err.Error(), "--restart") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(out+".partial", "state", "train-00000")); err != nil {
		t.Error(err)
	}
}

// A shard that was made of images of another size is made again, whatever its state says of it.
func TestStateOfAnotherSize(t *testing.T) {
	photos, out := many().Folder(t), filepath.Join(t.TempDir(), "set")
	whole, _ := run(t, photos, manyOptions())
	interrupted(t, photos, out)
	other := filepath.Join(t.TempDir(), "set")
	o := manyOptions()
	o.Size = 64
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(p prepare.Progress) {
		if p.Done >= 118 {
			cancel()
		}
	}
	_, err := prepare.Run(ctx, []string{photos}, other, o)
	if cancel(); !errors.Is(err, prepare.ErrKept) {
		t.Fatal(err)
	}
	for _, name := range []string{"state/train-00000", "set/train/images-00000.npy"} {
		data, err := os.ReadFile(filepath.Join(other+".partial", name))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(out+".partial", name), data, 0o666))
	}
	s, err := prepare.Run(context.Background(), []string{photos}, out, manyOptions())
	if err != nil || s.Earlier != 0 {
		t.Fatalf("%d images of the earlier run, error %v", s.Earlier, err)
	}
	if !reflect.DeepEqual(contents(t, out), contents(t, whole)) {
		t.Error("another set")
	}
}

// What is left beside a set that is there is removed only where it is of no use any more.
func TestLeftBesideASet(t *testing.T) {
	photos, out := many().Folder(t), filepath.Join(t.TempDir(), "set")
	interrupted(t, photos, out)
	check(t, os.Mkdir(out, 0o777))
	before := contents(t, out+".partial")
	for range 2 { // it is not locked either
		_, err := prepare.Run(context.Background(), []string{photos}, out, manyOptions())
		if err == nil || !strings.Contains(err.Error(), out+" exists") {
			t.Errorf("error %v", err)
		}
		if got := contents(t, out+".partial"); !reflect.DeepEqual(got, before) {
			t.Error("the finished shards have changed")
		}
	}
	check(t, os.Remove(out))
	s, err := prepare.Run(context.Background(), []string{photos}, out, manyOptions())
	if err != nil || s.Earlier == 0 {
		t.Errorf("%d images of the earlier run, error %v", s.Earlier, err)
	}
}

// A set whose other split, or whose list of files, is damaged is no source.
func TestDamagedPartsOfSource(t *testing.T) {
	dir, _ := run(t, many().Folder(t), manyOptions())
	for _, name := range []string{"train/labels.npy", "val/labels.npy", "val/images-00000.npy", "train/files.csv",
		"val/files.csv"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		data, err := os.ReadFile(path)
		check(t, err)
		check(t, os.WriteFile(path, data[:len(data)-1], 0o666))
		parent := t.TempDir()
		_, err = prepare.Run(context.Background(), []string{dir}, filepath.Join(parent, "set"), prepare.Options{})
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", name, err)
		}
		if left := leftIn(t, parent); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
		check(t, os.WriteFile(path, data, 0o666))
	}
}
