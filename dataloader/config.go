package dataloader

import (
	"errors"
	"fmt"
	"runtime"

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source"
	"duet/internal/invalid"
)

// Config is the [data] table of a configuration: the images, and what is done to them.
type Config struct {
	// Path is a packed set, or a source that is packed before the first training, into Packed. "generated" is a source; a
	// folder of that name is "./generated". Path is required.
	Path string `toml:"path"`
	// Packed is where a set packed from a source is kept; empty: a folder below data/ named after the source.
	Packed string `toml:"packed"`

	// Settings say how a source is packed. Of a packed set they are what it was prepared with, or are left out.
	prepare.Settings

	// Cache is "mmap": images stay in files that the system keeps in memory as it can; or "ram": they are read into
	// memory before the training begins.
	Cache string `toml:"cache"`
	// ReadAhead is for how many batches beyond Prefetch the system is asked to read images from disk.
	ReadAhead int `toml:"readahead"`

	Crop int `toml:"crop"` // side that the network sees, in pixels; required
	// zeros around the image, after mean subtraction, that a random crop may reach into
	Pad        int     `toml:"pad"`
	RandomCrop bool    `toml:"random_crop"` // crop anywhere, at random; else the centre
	Mirror     bool    `toml:"mirror"`      // mirror left and right, every second time
	ColorNoise float64 `toml:"color_noise"` // standard deviation of the PCA colour noise, 0.1 in the paper; 0 is off

	// the share of the image's area that a crop takes, drawn between two numbers, such as [0.08, 1]; it is scaled
	// to crop x crop pixels; default: a crop of so many pixels
	CropArea []float64 `toml:"crop_area,omitempty"`
	// width by height of a crop with crop_area, drawn between two numbers; default: [0.75, 1.3333]
	CropRatio []float64 `toml:"crop_ratio,omitempty"`
	Rotate    float64   `toml:"rotate"` // turn the crop by an angle drawn from -rotate to rotate degrees
	// multiply grey levels by a factor drawn from 1-brightness to 1+brightness
	Brightness float64 `toml:"brightness"`
	// multiply their distance from the mean by a factor drawn from 1-contrast to 1+contrast
	Contrast float64 `toml:"contrast"`

	// what is subtracted: "channel" or "image", the mean over the training set, "none", or grey levels of red, green and
	// blue, such as [123.675, 116.28, 103.53]
	Mean  Mean    `toml:"mean"`
	Scale float64 `toml:"scale"` // factor after mean subtraction
	// what each channel is then divided by, in grey levels of red, green and blue, such as [58.395, 57.12, 57.375];
	// default: nothing
	Std []float64 `toml:"std,omitempty"`

	Shuffle  bool `toml:"shuffle"`  // a new order every epoch; else the order of the packed set
	Prefetch int  `toml:"prefetch"` // batches made ready ahead
	Workers  int  `toml:"workers"`  // goroutines that decode or copy; 0: one a core

	Generated generated.Options `toml:"generated"`
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

// Default is a configuration that lacks only Path and Crop; decode over it.
func Default() Config {
	return Config{
		Settings:  prepare.Settings{ValFraction: defaultValFraction, Codec: packed.Raw},
		Mean:      MeanChannel,
		Scale:     1,
		Shuffle:   true,
		Prefetch:  defaultPrefetch,
		Cache:     CacheMap,
		ReadAhead: defaultReadAhead,
		Generated: generated.Default(),
	}
}

// Validate checks what can be checked without the data. Its errors are *invalid.Error, joined.
func (c Config) Validate() error {
	errs := []error{c.Settings.Validate()}
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			errs = append(errs, invalid.Key(key, format, args...))
		}
	}
	finite := func(x float64) bool { return x-x == 0 }
	check(c.Path != "", "path", `%q, want a packed set, a folder, .tar, .tar.gz or .zip of images, or "generated"`, c.Path)
	// empty in configurations that are older than the key
	check(c.Cache == "" || c.Cache == CacheMap || c.Cache == CacheRAM,
		"cache", `%q, want "mmap" or "ram" (where the packed set is kept is data.packed)`, c.Cache)
	check(c.ReadAhead >= 0 && c.ReadAhead <= 1<<16, "readahead", "%d, want 0 to 65536 batches", c.ReadAhead)
	check(c.Crop >= 1 && c.Crop <= maxSide, "crop", "%d, want 1 to %d, the side in pixels that the network sees", c.Crop,
		maxSide)
	check(c.Pad >= 0 && c.Pad <= maxSide, "pad", "%d, want 0 to %d pixels", c.Pad, maxSide)
	check(c.ColorNoise >= 0 && finite(c.ColorNoise), "color_noise",
		"%v, want a standard deviation such as 0.1, or 0 for off", c.ColorNoise)
	area, ratio := c.CropArea, c.CropRatio
	check(len(area) == 0 || len(area) == 2 && area[0] > 0 && area[0] <= area[1] && area[1] <= 1, "crop_area",
		"%v, want the least and the greatest share of the image's area, above 0 to 1, such as [0.08, 1]", area)
	check(len(ratio) == 0 || len(ratio) == 2 && ratio[0] >= 0.01 && ratio[0] <= ratio[1] && ratio[1] <= 100, "crop_ratio",
		"%v, want the least and the greatest width by height, 0.01 to 100, such as [0.75, 1.3333]", ratio)
	check(len(ratio) == 0 || len(area) > 0, "crop_ratio", "%v, but no crop_area: want both", ratio)
	check(c.Rotate >= 0 && c.Rotate <= 180, "rotate", "%v, want 0 to 180 degrees", c.Rotate)
	check(c.Brightness >= 0 && c.Brightness <= 1, "brightness", "%v, want 0 (off) to 1, such as 0.2", c.Brightness)
	check(c.Contrast >= 0 && c.Contrast <= 1, "contrast", "%v, want 0 (off) to 1, such as 0.2", c.Contrast)
	if err := c.Mean.validate(); err != nil {
		errs = append(errs, invalid.Key("mean", "%v", err))
	}
	check(finite(c.Scale) && c.Scale != 0, "scale", "%v, want a finite factor other than 0, such as 1 or 0.0078125",
		c.Scale)
	check(len(c.Std) == 0 || len(c.Std) == 3, "std", "%v, want one number for each of red, green and blue", c.Std)
	for i, x := range c.Std {
		check(x > 0 && finite(x), fmt.Sprintf("std[%d]", i), "%v, want grey levels above 0, such as 58.395", x)
	}
	check(c.Prefetch >= 0 && c.Prefetch <= 1024, "prefetch", "%d, want 0 to 1024 batches", c.Prefetch)
	check(c.Workers >= 0 && c.Workers <= 1024, "workers", "%d, want 0 (one a core) to 1024", c.Workers)
	if c.Path == source.GeneratedPath {
		errs = append(errs, c.Generated.Validate())
	}
	return errors.Join(errs...)
}

// LacksOfCodec are the keys that do not go with a codec.
func LacksOfCodec(codec string) []string {
	if codec == packed.Raw {
		return []string{"quality"}
	}
	return nil
}

// Random is a key by which an image is seen otherwise in every epoch, its value, and that by which it is not; or "".
func (c Config) Random() (key string, is, off any) {
	for _, k := range []struct {
		key     string
		draws   bool
		is, off any
	}{
		{"random_crop", c.RandomCrop, true, false},
		{"mirror", c.Mirror, true, false},
		{"color_noise", c.ColorNoise > 0, c.ColorNoise, 0},
		{"crop_area", len(c.CropArea) > 0, c.CropArea, "[]"},
		{"rotate", c.Rotate > 0, c.Rotate, 0},
		{"brightness", c.Brightness > 0, c.Brightness, 0},
		{"contrast", c.Contrast > 0, c.Contrast, 0},
	} {
		if k.draws {
			return k.key, k.is, k.off
		}
	}
	return "", nil, nil
}

// Scales are what red, green and blue are multiplied by after mean subtraction.
func (c Config) Scales() (factors [3]float64) {
	for i := range factors {
		if factors[i] = c.Scale; len(c.Std) == len(factors) {
			factors[i] /= c.Std[i]
		}
	}
	return factors
}

// Warps reports whether training sees windows that are scaled or turned, or brightness or contrast drawn, which is the
// operation Warp's.
func (c Config) Warps() bool {
	return len(c.CropArea) > 0 || c.Rotate > 0 || c.Brightness > 0 || c.Contrast > 0
}

// DrawWidth is how many augmentation numbers an image of training has.
func (c Config) DrawWidth() int {
	if c.Warps() {
		return WarpDrawWidth
	}
	return DrawWidth
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
	return prepare.Options{Settings: c.Settings, Workers: c.Workers, Generated: c.Generated}
}

// workerCount is n, or one a core when n is 0.
func workerCount(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}
