package dataloader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
)

// Materialize returns the packed set of c.Path: that folder itself when it is one, else the set in c.Cache, which is
// prepared when it is not there yet. A cached set is used again only for the source and options it was made from; that
// the source's content is still the same is not checked.
func Materialize(ctx context.Context, c Config, progress func(done, total int)) (dir string, err error) {
	if c.Path != generatedPath {
		if _, err := os.Stat(filepath.Join(c.Path, setFile)); err == nil {
			return c.Path, nil
		}
	}
	want := c.options().request(c.Path)
	dir = c.Cache
	if dir == "" {
		dir = defaultCache(want)
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		o := c.options()
		if progress != nil {
			o.Progress = func(done, total, _ int) { progress(done, total) }
		}
		if _, err := Prepare(ctx, c.Path, dir, o); err != nil {
			return "", fmt.Errorf("data.path: %w", err)
		}
		return dir, nil
	}
	info, err := readSetInfo(dir)
	if err != nil {
		return "", fmt.Errorf("data.cache: %w", err)
	}
	if !reflect.DeepEqual(info.Request, want) {
		return "", fmt.Errorf("data.cache %s was prepared from %s, but the configuration asks for %s: remove it or name another",
			dir, info.Request, want)
	}
	return dir, nil
}

func (r request) String() string {
	s := fmt.Sprintf("%s (size %d, val_fraction %v, seed %d", r.Source, r.Size, r.ValFraction, r.Seed)
	if g := r.Generated; g != nil {
		s += fmt.Sprintf(", generated %d classes, %d and %d images of %d", g.Classes, g.Train, g.Val, g.Size)
	}
	return s + ")"
}

// defaultCache is data/<name>-<fingerprint of the request>: another option is another folder.
func defaultCache(r request) string {
	text, err := json.Marshal(r)
	if err != nil {
		panic("dataloader: a request is always valid JSON: " + err.Error())
	}
	return filepath.Join("data", fmt.Sprintf("%s-%08x", sourceName(r.Source), crc32.Checksum(text, castagnoli)))
}
