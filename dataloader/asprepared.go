package dataloader

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
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
		return fmt.Errorf(
			"data.size = %d, but %s has images of %dx%d: prepare it again with --size %d, or set data.size to 0", c.Size, c.Path,
			x.Width, x.Height, c.Size)
	}
	var was prepare.Request
	if err := json.Unmarshal(x.Request, &was); err != nil {
		return fmt.Errorf("data.path: %s: request: %w", filepath.Join(c.Path, packed.IndexFile), err)
	}
	was.EXIF, was.AllowTruncated = x.EXIF, x.AllowTruncated // as its source may have been a packed set
	_, hasVal := x.Splits[packed.Val]
	left := Default()
	wasSettings, leftSettings := was.Settings.List(), left.Settings.List()
	for i, s := range c.Settings.List() {
		if s.Key == "size" || s.Key == "strict" || alike(s, leftSettings[i]) || alike(s, wasSettings[i]) {
			continue
		}
		way := "prepare its source again with " + c.flag(s)
		if s.OfSet && !(s.Key == "val_fraction" && hasVal) {
			way = fmt.Sprintf("prepare what is wanted of it with `duet prepare %s OUT %s`", c.Path, c.flag(s))
		}
		return fmt.Errorf("data.%s = %s, but %s was prepared with %s %s: %s, or leave the key out", s.Key, shown(s), c.Path,
			s.Key, shown(wasSettings[i]), way)
	}
	return nil
}

// alike compares values of a setting; the order of classes does not matter.
func alike(a, b prepare.Setting) bool {
	x, is := a.Value.(*[]string)
	if !is {
		return reflect.DeepEqual(a.Value, b.Value) // of what they point to
	}
	was, now := *x, *b.Value.(*[]string)
	if a.Key == "classes" {
		was, now = slices.Sorted(slices.Values(was)), slices.Sorted(slices.Values(now))
	}
	return slices.Equal(was, now)
}

// shown is the value of a setting with its texts quoted.
func shown(s prepare.Setting) string {
	v := reflect.ValueOf(s.Value).Elem().Interface()
	switch v.(type) {
	case string, []string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

// flag is a setting as duet prepare takes it.
func (c Config) flag(s prepare.Setting) string {
	switch s.Key {
	case "classes":
		return classesFlag(c.Classes)
	case "quality":
		return fmt.Sprintf("--codec %s --quality %d", c.Codec, c.Quality)
	}
	return strings.TrimSpace(s.Flag() + " " + s.Text())
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
