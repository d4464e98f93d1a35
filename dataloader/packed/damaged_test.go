package packed_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/dataloader/packed"
)

// readAll reads all that a split of a set has.
func readAll(dir, split string) error {
	s, err := packed.Open(dir, split)
	if err != nil {
		return err
	}
	_, files := s.Files()
	_, flags := s.Flags()
	return errors.Join(s.Load(context.Background(), nil), files, flags, s.Close())
}

// Any file of a set that is damaged in any of these ways is named, by whoever reads it and by Verify.
func TestAnyFileDamaged(t *testing.T) {
	damages := map[string]func([]byte) []byte{ // nil: it is gone, or a folder
		"gone": nil, "a folder": nil,
		"cut":   func(d []byte) []byte { return d[:len(d)-1] },
		"a bit": func(d []byte) []byte { d[len(d)/2] ^= 1; return d },
	}
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		dir := write(t, codec, 6*side*side*3)
		x, err := packed.ReadIndex(dir)
		check(t, err)
		ofTrain := x.ShardFiles(packed.Train, 0)
		all := ofTrain
		if codec == packed.Raw { // those beside the shards are the same
			ofTrain = append(ofTrain, "classes.txt", "mean.npy", "train/labels.npy",
				"train/flags.npy", "train/files.csv")
			all = append(ofTrain, "rejected.csv", "val/labels.npy")
		}
		for _, name := range all {
			path := filepath.Join(dir, filepath.FromSlash(name))
			whole, err := os.ReadFile(path)
			check(t, err)
			for what, damage := range damages {
				check(t, os.Remove(path))
				if damage != nil {
					check(t, os.WriteFile(path, damage(bytes.Clone(whole)), 0o666))
				} else if what == "a folder" {
					check(t, os.Mkdir(path, 0o777))
				}
				if err := readAll(dir, packed.Train); slices.Contains(ofTrain, name) {
					lacks(t, name+", "+what, err, path)
				} else if err != nil {
					t.Errorf("%s, %s: error %v, though it is not read", name, what, err)
				}
				damaged, is := errors.AsType[packed.Damaged](packed.Verify(context.Background(), dir, nil))
				if !is || len(damaged) != 1 {
					t.Errorf("%s, %s: Verify says %q, want a line", name, what, damaged)
				}
				lacks(t, name+", "+what, damaged, path)
				check(t, os.RemoveAll(path))
				check(t, os.WriteFile(path, whole, 0o666))
			}
		}
		check(t, readAll(dir, packed.Train))
	}
}

// Verify tells how much it has read, up to the bytes of all files but the index, and ends with its context on the way.
func TestVerifyProgress(t *testing.T) {
	dir := write(t, packed.Raw, 1<<20)
	want := int64(0)
	check(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != packed.IndexFile {
			info, err := d.Info()
			check(t, err)
			want += info.Size()
		}
		return err
	}))
	last := int64(0)
	check(t, packed.Verify(context.Background(), dir, func(done, total int64) {
		if done < last || done > total || total != want {
			t.Errorf("%d of %d bytes after %d, want %d in the end", done, total, last, want)
		}
		last = done
	}))
	if last != want {
		t.Errorf("%d bytes of %d were read", last, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := packed.Verify(ctx, dir, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled on the way: error %v", err)
	}
	lacks(t, "no set", packed.Verify(context.Background(), t.TempDir(), nil), "not a packed set")
}
