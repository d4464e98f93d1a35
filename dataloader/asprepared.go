package dataloader

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// asPrepared refuses keys that ask the packed set in c.Path for other than it holds: another size, or other than its
// recorded request says of how its source was packed. A key that is left out asks for nothing.
func (c Config) asPrepared() error {
	x, err := packed.ReadIndex(c.Path)
	if err != nil {
		return fmt.Errorf("data.path: %w", err)
	}
	if c.Size != 0 && (c.Size != x.Height || c.Size != x.Width) {
		return fmt.Errorf("data.size = %d, but %s has images of %dx%d: prepare it again with --size %d, or set data.size to 0", c.Size, c.Path,
			x.Width, x.Height, c.Size)
	}
	var was prepare.Request
	if err := json.Unmarshal(x.Request, &was); err != nil {
		return fmt.Errorf("data.path: %s: request: %w", filepath.Join(c.Path, packed.IndexFile), err)
	}
	_, hasVal := x.Splits[packed.Val]
	left := Default()
	for _, k := range []struct {
		key           string
		is, was, left any
		flags         string
		ofSet         bool // the set itself can be prepared so, not only its source
	}{
		{"format", c.Format, was.Format, left.Format, "--format " + c.Format, false},
		{"columns", c.Columns, was.Columns, left.Columns, "--columns " + strings.Join(c.Columns, ","), false},
		{"val_fraction", c.ValFraction, was.ValFraction, left.ValFraction, fmt.Sprintf("--val-fraction %v", c.ValFraction), !hasVal},
		{"seed", c.Seed, was.Seed, left.Seed, fmt.Sprintf("--seed %d", c.Seed), false},
		{"classes", c.Classes, was.Classes, left.Classes, classesFlag(c.Classes), true},
		{"per_class", c.PerClass, was.PerClass, left.PerClass, fmt.Sprintf("--per-class %d", c.PerClass), true},
		{"val_per_class", c.ValPerClass, was.ValPerClass, left.ValPerClass, fmt.Sprintf("--val-per-class %d", c.ValPerClass), true},
		{"exif", c.EXIF, x.EXIF, left.EXIF, "--exif", false},
		{"allow_truncated", c.AllowTruncated, x.AllowTruncated, left.AllowTruncated, "--allow-truncated", false},
		{"codec", c.Codec, was.Codec, left.Codec, "--codec " + c.Codec, true},
		{"quality", c.Quality, was.Quality, left.Quality, fmt.Sprintf("--codec %s --quality %d", c.Codec, c.Quality), true},
		{"shard_mib", c.ShardMiB, was.ShardMiB, left.ShardMiB, fmt.Sprintf("--shard-mib %d", c.ShardMiB), true},
	} {
		if alike(k.key, k.is, k.left) || alike(k.key, k.is, k.was) {
			continue
		}
		way := "prepare its source again with " + k.flags
		if k.ofSet {
			way = fmt.Sprintf("prepare what is wanted of it with `duet prepare %s OUT %s`", c.Path, k.flags)
		}
		return fmt.Errorf("data.%s = %s, but %s was prepared with %s %s: %s, or leave the key out", k.key, shown(k.is), c.Path, k.key, shown(k.was), way)
	}
	return nil
}

// alike compares values of a key; the order of classes does not matter.
func alike(key string, a, b any) bool {
	x, is := a.([]string)
	if !is {
		return a == b
	}
	y := b.([]string)
	if key == "classes" {
		x, y = slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	}
	return slices.Equal(x, y)
}

// shown is a value of a key with its texts quoted.
func shown(v any) string {
	switch v.(type) {
	case string, []string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

// classesFlag is the flag of duet prepare that takes these classes.
func classesFlag(classes []string) string {
	for _, c := range classes {
		if strings.ContainsAny(c, ", ") {
			return "--classes @FILE"
		}
	}
	return "--classes " + strings.Join(classes, ",")
}
