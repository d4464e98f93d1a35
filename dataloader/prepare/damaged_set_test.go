package prepare_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// A packed set whose images were altered is no source: the copy would be whole. Shards from which nothing is taken do
// not matter.
func TestDamagedSetAsSource(t *testing.T) {
	source := many().Folder(t)
	flip := func(file string) func(dir string) []string {
		return func(dir string) []string {
			path := filepath.Join(dir, filepath.FromSlash(file))
			data, err := os.ReadFile(path)
			check(t, err)
			data[len(data)/2] ^= 8
			check(t, os.WriteFile(path, data, 0o666))
			return []string{path}
		}
	}
	for name, c := range map[string]struct {
		codec  string
		damage func(dir string) (files []string)
		o      prepare.Options
		works  bool
	}{
		"a flipped bit": {packed.Raw, flip("train/images-00001.npy"), prepare.Options{}, false},
		"in the validation split": {packed.Raw, flip("val/images-00000.npy"),
			prepare.Options{Settings: prepare.Settings{Size: 16}}, false},
		"of a JPEG file": {packed.JPEG, flip("train/images-00000.npy"),
			prepare.Options{Settings: prepare.Settings{Codec: packed.JPEG}}, false},
		"swapped": {packed.Raw, func(dir string) []string { return swap(t, dir) }, prepare.Options{},
			false},
		"nothing is taken of it": {packed.Raw, flip("train/images-00004.npy"),
			prepare.Options{Settings: prepare.Settings{Classes: []string{"a"}}}, true},
		"one image is taken of each": {packed.Raw, flip("train/images-00004.npy"),
			prepare.Options{Settings: prepare.Settings{PerClass: 1}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := manyOptions()
			o.Codec = c.codec
			dir, _ := run(t, source, o)
			files := c.damage(dir)
			parent := t.TempDir()
			_, err := prepare.Run(context.Background(), []string{dir}, filepath.Join(parent, "set"), c.o)
			if c.works {
				check(t, err)
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			named := false
			for _, file := range files {
				named = named || strings.Contains(err.Error(), file)
			}
			if !named || !strings.Contains(err.Error(), "altered or damaged") || errors.Is(err, prepare.ErrKept) {
				t.Errorf("error %v, want one of %v", err, files)
			}
			if left := leftIn(t, parent); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// swap makes two whole shards of one size change places.
func swap(t *testing.T, dir string) []string {
	path := func(n string) string { return filepath.Join(dir, "train", "images-0000"+n+".npy") }
	for _, names := range [][2]string{{"1", "x"}, {"2", "1"}, {"x", "2"}} {
		check(t, os.Rename(path(names[0]), path(names[1])))
	}
	return []string{path("1"), path("2")}
}
