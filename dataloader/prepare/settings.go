package prepare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"duet/dataloader/packed"
	"duet/dataloader/source"
	"duet/internal/invalid"
)

// Settings say what becomes of a source. They are keys of a configuration's [data], flags of duet prepare, and what a
// set records of how it was asked for. List says what each of them is. The zero value is usable.
type Settings struct {
	Format         string   `toml:"format" json:"format,omitempty"`
	Columns        []string `toml:"columns" json:"columns,omitempty"`
	Size           int      `toml:"size" json:"size"`
	ValFraction    float64  `toml:"val_fraction" json:"val_fraction"`
	Seed           uint64   `toml:"seed" json:"seed"`
	Classes        []string `toml:"classes" json:"classes,omitempty"`
	PerClass       int      `toml:"per_class" json:"per_class,omitempty"`
	ValPerClass    int      `toml:"val_per_class" json:"val_per_class,omitempty"`
	EXIF           bool     `toml:"exif" json:"exif,omitempty"`
	AllowTruncated bool     `toml:"allow_truncated" json:"allow_truncated,omitempty"`
	Strict         bool     `toml:"strict" json:"-"` // as it does not change a set
	Codec          string   `toml:"codec" json:"codec"`
	Quality        int      `toml:"quality" json:"quality,omitempty"`
	ShardMiB       int      `toml:"shard_mib" json:"shard_mib"`
}

// A Setting is one of Settings.
type Setting struct {
	Key   string // of [data]
	Use   string // what it says, for people
	Value any    // where it is: a *string, *[]string, *int, *uint64, *float64 or *bool
	OfSet bool   // a packed set can be prepared with another value of it, not only its source
}

// Flag is the setting's flag of duet prepare.
func (s Setting) Flag() string { return "--" + strings.ReplaceAll(s.Key, "_", "-") }

// List is all of them, in the order of the keys.
func (s *Settings) List() []Setting {
	return []Setting{
		{"format", "what the source is, where looking is not enough: " + strings.Join(source.Formats(), ", "), &s.Format,
			false},
		{"columns", "names of a table's columns of files, of labels and perhaps of splits; none: the usual ones", &s.Columns,
			false},
		{"size", "side of the packed images in pixels; 0: kept where all images are square, alike and at most 256, else 256",
			&s.Size, true},
		{"val_fraction", "part of every class, chosen by seed, that validates where the source has no split for that",
			&s.ValFraction, true},
		{"seed", "of every choice among images", &s.Seed, false},
		{"classes", "IDs or names of the only classes to take; an ID wins over a name, and a name is of one class; none: all",
			&s.Classes, true},
		{"per_class", "training images of a class at most, chosen by seed; 0: all", &s.PerClass, true},
		{"val_per_class", "validation images of a class at most, chosen by seed; 0: all", &s.ValPerClass, true},
		{"exif", "turn images as their EXIF orientation says; ImageNet is used without", &s.EXIF, false},
		{"allow_truncated", "take files whose end is missing or damaged, as far as they go", &s.AllowTruncated, false},
		{"strict", "stop at the first image that cannot be read, rather than leave it out", &s.Strict, false},
		{"codec", "raw pixels, or jpeg for about a sixth of the disk, decoded while training", &s.Codec, true},
		{"quality", "of codec jpeg, 1 to 100; 0: 92", &s.Quality, true},
		{"shard_mib", "size of a file of images in MiB at most, but for one image; 0: 512", &s.ShardMiB, true},
	}
}

// Validate checks the values, whatever the source. Its errors are *invalid.Error, joined.
func (s *Settings) Validate() error {
	var errs []error
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			errs = append(errs, invalid.Key(key, format, args...))
		}
	}
	check(s.Format == "" || slices.Contains(source.Formats(), s.Format), "format",
		"%q, want one of %q, or empty for a look", s.Format, source.Formats())
	check(len(s.Columns) != 1 && len(s.Columns) <= 3 && !slices.Contains(s.Columns, ""), "columns",
		"%q, want such as [\"image_id\", \"species\"], the names of the columns of files, of labels and perhaps of splits",
		s.Columns)
	check(s.Size >= 0 && s.Size <= packed.MaxSide, "size", "%d, want 0 (automatic) to %d pixels", s.Size, packed.MaxSide)
	check(s.ValFraction >= 0 && s.ValFraction < 1, "val_fraction", "%v, want 0 up to, not including, 1", s.ValFraction)
	check(s.PerClass >= 0, "per_class", "%d, want 0 (all) or more images", s.PerClass)
	check(s.ValPerClass >= 0, "val_per_class", "%d, want 0 (all) or more images", s.ValPerClass)
	jpeg := s.Codec == packed.JPEG
	check(jpeg || s.Codec == packed.Raw || s.Codec == "", "codec", "%q, want %q or %q", s.Codec, packed.Raw, packed.JPEG)
	check(s.Quality >= 0 && s.Quality <= 100, "quality", "%d, want 1 to 100, or 0 for the default", s.Quality)
	check(s.Quality <= 0 || s.Quality > 100 || jpeg, "quality",
		"%d with codec %q, which stores pixels as they are, want 0 or codec %q", s.Quality, packed.Raw, packed.JPEG)
	check(s.ShardMiB >= 0 && s.ShardMiB <= 1<<20, "shard_mib", "%d, want 1 to %d MiB, or 0 for the default", s.ShardMiB,
		1<<20)
	return errors.Join(errs...)
}

// complete puts the defaults in.
func (s Settings) complete() Settings {
	if s.Codec == "" {
		s.Codec = packed.Raw
	}
	if s.Quality == 0 {
		s.Quality = defaultQuality
	}
	if s.ShardMiB == 0 {
		s.ShardMiB = defaultShardMiB
	}
	return s
}

// Text is the setting's value as its flag takes it.
func (s Setting) Text() string {
	switch v := s.Value.(type) {
	case *[]string:
		return strings.Join(*v, ",")
	case *string:
		return *v
	case *int:
		return fmt.Sprint(*v)
	case *uint64:
		return fmt.Sprint(*v)
	case *float64:
		return fmt.Sprint(*v)
	}
	return ""
}
