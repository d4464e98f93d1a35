package dataloader

import (
	"fmt"
	"math"
	"runtime"
	"slices"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source"
	"duet/internal/invalid"
)

// Config is the [data] table of a configuration file. Start from [Default] and decode over it.
type Config struct {
	// Path is a packed set, or a source that Materialize packs once into Packed. "generated" is a source; a folder of that
	// name is "./generated".
	Path string `toml:"path"`
	// Packed is where a set packed from a source is kept; empty: a folder below data/ named after the source.
	Packed string `toml:"packed"`

	// How a source is packed; package prepare says more of each. Of a packed set: what it was prepared with, or left out.
	Format         string   `toml:"format"`          // what the source is taken for; empty: recognised by looking
	Columns        []string `toml:"columns"`         // of a table: those of files, of labels and perhaps of splits; empty: the usual names
	Size           int      `toml:"size"`            // side of the packed images in pixels; 0: kept when all are square, alike and at most 256, else 256
	ValFraction    float64  `toml:"val_fraction"`    // of every class becomes the validation split where the source has none
	Seed           uint64   `toml:"seed"`            // of every choice among images
	Classes        []string `toml:"classes"`         // ids or names of the only classes to take; empty: all
	PerClass       int      `toml:"per_class"`       // training images of a class at most; 0: all
	ValPerClass    int      `toml:"val_per_class"`   // validation images of a class at most; 0: all
	EXIF           bool     `toml:"exif"`            // turn images as their EXIF orientation says
	AllowTruncated bool     `toml:"allow_truncated"` // take files whose end is missing or damaged, as far as they go
	Strict         bool     `toml:"strict"`          // the first image that cannot be read is an error
	Codec          string   `toml:"codec"`           // "raw", or "jpeg" for a sixth of the disk, decoded on the fly
	Quality        int      `toml:"quality"`         // of codec "jpeg", 1 to 100; 0: 92
	ShardMiB       int      `toml:"shard_mib"`       // largest size of a file of images in MiB; 0: 512

	// Cache is "mmap": images stay in files that the system keeps in memory as it can; or "ram": they are read into
	// memory before the training begins.
	Cache string `toml:"cache"`
	// ReadAhead is for how many batches beyond Prefetch the system is asked to read images from disk.
	ReadAhead int `toml:"readahead"`

	Crop       int     `toml:"crop"`        // side that the network sees, in pixels
	Pad        int     `toml:"pad"`         // zeros around the image, after mean subtraction, that a random crop may reach into
	RandomCrop bool    `toml:"random_crop"` // else the centre
	Mirror     bool    `toml:"mirror"`      // mirror left and right, every second time
	ColorNoise float64 `toml:"color_noise"` // standard deviation of the PCA colour noise, 0.1 in the paper; 0 is off
	Mean       string  `toml:"mean"`        // what is subtracted: "channel", "image" or "none"
	Scale      float64 `toml:"scale"`       // factor after mean subtraction

	Shuffle  bool `toml:"shuffle"`  // a new order every epoch; else the order of the packed set
	Prefetch int  `toml:"prefetch"` // batches made ready ahead
	Workers  int  `toml:"workers"`  // goroutines that decode or copy; 0: one a core

	Generated source.Generated `toml:"generated"`
}

// The values of Config.Cache.
const (
	CacheMap = "mmap"
	CacheRAM = "ram"
)

// The values that a configuration leaves out.
const (
	defaultPrefetch    = 3
	defaultValFraction = 0.1
	defaultReadAhead   = 16
	maxSide            = packed.MaxSide
)

// Default is a configuration that lacks only Path and Crop.
func Default() Config {
	return Config{
		ValFraction: defaultValFraction,
		Mean:        "channel",
		Scale:       1,
		Shuffle:     true,
		Prefetch:    defaultPrefetch,
		Codec:       packed.Raw,
		Cache:       CacheMap,
		ReadAhead:   defaultReadAhead,
		Generated:   source.DefaultGenerated(),
	}
}

// Validate checks what can be checked without the data. Its error is an *invalid.Error.
func (c Config) Validate() error {
	bad := func(key string, got any, want string) error {
		if s, ok := got.(string); ok {
			got = fmt.Sprintf("%q", s)
		}
		return invalid.Key(key, "%v, want %s", got, want)
	}
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case c.Path == "":
		return bad("path", c.Path, `a packed set, a folder, .tar, .tar.gz or .zip of images, or "generated"`)
	case c.Format != "" && !slices.Contains(source.Formats(), c.Format):
		return bad("format", c.Format, fmt.Sprintf("one of %q, or empty for a look", source.Formats()))
	case len(c.Columns) == 1 || len(c.Columns) > 3 || slices.Contains(c.Columns, ""):
		return bad("columns", c.Columns, `such as ["image_id", "species"], the names of the columns of files, of labels and perhaps of splits`)
	case c.Size < 0 || c.Size > maxSide:
		return bad("size", c.Size, fmt.Sprintf("0 (automatic) to %d pixels", maxSide))
	case !(c.ValFraction >= 0 && c.ValFraction < 1):
		return bad("val_fraction", c.ValFraction, "0 up to, not including, 1")
	case c.PerClass < 0:
		return bad("per_class", c.PerClass, "0 (all) or more images")
	case c.ValPerClass < 0:
		return bad("val_per_class", c.ValPerClass, "0 (all) or more images")
	case c.Codec != packed.Raw && c.Codec != packed.JPEG:
		return bad("codec", c.Codec, `"raw" or "jpeg"`)
	case c.Quality < 0 || c.Quality > 100:
		return bad("quality", c.Quality, "1 to 100, or 0 for the default")
	case c.Quality != 0 && slices.Contains(LacksOfCodec(c.Codec), "quality"):
		return bad("quality", c.Quality, `0 with codec "raw", which stores pixels as they are`)
	case c.ShardMiB < 0 || c.ShardMiB > 1<<20:
		return bad("shard_mib", c.ShardMiB, "1 to 1048576 MiB, or 0 for the default")
	case c.Cache != "" && c.Cache != CacheMap && c.Cache != CacheRAM: // empty in configurations that are older than the key
		return bad("cache", c.Cache, `"mmap" or "ram" (where the packed set is kept is data.packed)`)
	case c.ReadAhead < 0 || c.ReadAhead > 1<<16:
		return bad("readahead", c.ReadAhead, "0 to 65536 batches")
	case c.Crop < 1 || c.Crop > maxSide:
		return bad("crop", c.Crop, fmt.Sprintf("1 to %d, the side in pixels that the network sees", maxSide))
	case c.Pad < 0 || c.Pad > maxSide:
		return bad("pad", c.Pad, fmt.Sprintf("0 to %d pixels", maxSide))
	case !(c.ColorNoise >= 0) || !finite(c.ColorNoise):
		return bad("color_noise", c.ColorNoise, "a standard deviation such as 0.1, or 0 for off")
	case c.Mean != "channel" && c.Mean != "image" && c.Mean != "none":
		return bad("mean", c.Mean, `"channel", "image" or "none"`)
	case !finite(c.Scale) || c.Scale == 0:
		return bad("scale", c.Scale, "a finite factor other than 0, such as 1 or 0.0078125")
	case c.Prefetch < 0 || c.Prefetch > 1024:
		return bad("prefetch", c.Prefetch, "0 to 1024 batches")
	case c.Workers < 0 || c.Workers > 1024:
		return bad("workers", c.Workers, "0 (one a core) to 1024")
	}
	if c.Path != source.GeneratedPath {
		return nil
	}
	return c.Generated.Validate()
}

// LacksOfCodec are the keys that do not go with a codec.
func LacksOfCodec(codec string) []string {
	if codec == packed.Raw {
		return []string{"quality"}
	}
	return nil
}

// Fits reports whether the crop that c asks for lies within padded images of this height and width of a set.
func (c Config) Fits(set string, height, width int) error {
	if side := min(height, width) + 2*c.Pad; c.Crop > side {
		return fmt.Errorf("data.crop = %d: want at most %d: images of %s are %dx%d with data.pad = %d on each side",
			c.Crop, side, set, height, width, c.Pad)
	}
	return nil
}

// options are how a source is packed.
func (c Config) options() prepare.Options {
	return prepare.Options{Format: c.Format, Columns: c.Columns, Size: c.Size, ValFraction: c.ValFraction, Seed: c.Seed, Classes: c.Classes, PerClass: c.PerClass,
		ValPerClass: c.ValPerClass, EXIF: c.EXIF, AllowTruncated: c.AllowTruncated, Strict: c.Strict, Codec: c.Codec, Quality: c.Quality,
		ShardMiB: c.ShardMiB, Workers: c.Workers, Generated: c.Generated}
}

// workerCount is n, or one a core when n is 0.
func workerCount(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}
