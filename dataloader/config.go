package dataloader

import (
	"fmt"
	"math"
	"runtime"
	"strings"

	"duet/configs/invalid"
)

// Config is the [data] table of a configuration file. Start from [Default] and decode over it.
type Config struct {
	// Path is a packed set, or a source that Materialize packs once into Cache. "generated" is a source; a folder of
	// that name is "./generated".
	Path string `toml:"path"`
	// Cache is where a set packed from a source is kept; empty: a folder below data/ named after the source.
	Cache string `toml:"cache"`
	// Size is the side of the packed images in pixels. 0: kept when all images are square, alike and at most 256, else 256.
	Size int `toml:"size"`
	// ValFraction of every class, chosen by Seed, becomes the validation split of a source that has none.
	ValFraction float64 `toml:"val_fraction"`
	Seed        uint64  `toml:"seed"`

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

	Generated Generated `toml:"generated"`
}

// Generated says what path = "generated" draws.
type Generated struct {
	Classes int `toml:"classes"` // 2 to 10
	Train   int `toml:"train"`   // images of the training split
	Val     int `toml:"val"`     // images of the validation split
	Size    int `toml:"size"`    // side in pixels
}

// The values that a configuration leaves out.
const (
	defaultPrefetch    = 3
	defaultValFraction = 0.1
	maxSide            = 4096 // pixels: the largest packed image
)

// Default is a configuration that lacks only Path and Crop.
func Default() Config {
	return Config{
		ValFraction: defaultValFraction,
		Mean:        "channel",
		Scale:       1,
		Shuffle:     true,
		Prefetch:    defaultPrefetch,
		Generated:   Generated{Classes: 10, Train: 8000, Val: 1000, Size: 40},
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
		return bad("path", c.Path, `a packed set, a folder of class folders, a .tar or .tar.gz, or "generated"`)
	case c.Size < 0 || c.Size > maxSide:
		return bad("size", c.Size, fmt.Sprintf("0 (automatic) to %d pixels", maxSide))
	case !(c.ValFraction >= 0 && c.ValFraction < 1):
		return bad("val_fraction", c.ValFraction, "0 up to, not including, 1")
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
	if c.Path != generatedPath {
		return nil
	}
	return c.Generated.validate()
}

// validate checks the table.
func (g Generated) validate() error {
	for _, v := range []struct {
		key            string
		got, low, high int
	}{
		{"classes", g.Classes, 2, len(shapes)},
		{"train", g.Train, g.Classes, 1 << 24},
		{"val", g.Val, 0, 1 << 24},
		{"size", g.Size, 8, 512},
	} {
		if v.got < v.low || v.got > v.high {
			return invalid.Key("generated."+v.key, "%d, want %d to %d", v.got, v.low, v.high)
		}
	}
	return nil
}

// Fits reports whether the crop that c asks for lies within the padded images of the set.
func (c Config) Fits(s *Set) error {
	if side := min(s.Height(), s.Width()) + 2*c.Pad; c.Crop > side {
		return fmt.Errorf("data.crop = %d: want at most %d: images of %s are %dx%d with data.pad = %d on each side",
			c.Crop, side, s.dir, s.Height(), s.Width(), c.Pad)
	}
	return nil
}

// options are what Prepare needs of a configuration.
func (c Config) options() PrepareOptions {
	return PrepareOptions{Size: c.Size, ValFraction: c.ValFraction, Seed: c.Seed, Workers: c.Workers, Generated: c.Generated}
}

// workerCount is n, or one a core when n is 0.
func workerCount(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// plural is "1 image", "2 images".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
