package dataloader_test

import (
	"math"
	"strings"
	"testing"

	"duet/dataloader"
)

// Every key is taken up to its bounds, and refused from there on by its name, with what was wanted.
func TestValidate(t *testing.T) {
	type change = func(c C)
	check(t, augmented().Validate())
	for _, of := range []struct {
		key         string
		good, wrong []change
		want        string
	}{
		{"path", []change{func(c C) { c.Path, c.Generated = "x", dataloader.Config{}.Generated }},
			[]change{func(c C) { c.Path = "" }}, `"", want a packed set, a folder`},
		{"format", []change{func(c C) { c.Format = "csv" }}, []change{func(c C) { c.Format = "jpg" }},
			`"jpg", want one of ["ilsvrc2012"`},
		{"columns", []change{columns("a", "b"), columns("a", "b", "c")},
			[]change{columns("a"), columns("a", "b", "c", "d"), columns("a", "")}, "want such as"},
		{"size", ints(func(c C) *int { return &c.Size }, 0, 4096), ints(func(c C) *int { return &c.Size }, -1, 4097),
			"want 0 (automatic) to 4096 pixels"},
		{"val_fraction", floats(func(c C) *float64 { return &c.ValFraction }, 0, 0.999),
			floats(func(c C) *float64 { return &c.ValFraction }, -0.001, 1, math.NaN()), "want 0 up to, not including, 1"},
		{"per_class", ints(func(c C) *int { return &c.PerClass }, 0, 1), ints(func(c C) *int { return &c.PerClass }, -1),
			"want 0 (all) or more"},
		{"val_per_class", ints(func(c C) *int { return &c.ValPerClass }, 0, 1),
			ints(func(c C) *int { return &c.ValPerClass }, -1), "want 0 (all) or more"},
		{"codec", []change{func(c C) { c.Codec = "jpeg" }}, []change{func(c C) { c.Codec = "png" }},
			`"png", want "raw" or "jpeg"`},
		{"quality", []change{quality("jpeg", 0), quality("jpeg", 100), quality("raw", 0)},
			[]change{quality("jpeg", -1), quality("jpeg", 101)}, "want 1 to 100"},
		{"quality", nil, []change{quality("raw", 1), quality("raw", 90)}, `want 0 or codec "jpeg"`},
		{"shard_mib", ints(func(c C) *int { return &c.ShardMiB }, 0, 1<<20),
			ints(func(c C) *int { return &c.ShardMiB }, -1, 1<<20+1),
			"want 1 to 1048576 MiB"},
		{"cache", []change{func(c C) { c.Cache = "" }, func(c C) { c.Cache = "ram" }},
			[]change{func(c C) { c.Cache = "data/mine" }}, `want "mmap" or "ram"`},
		{"readahead", ints(func(c C) *int { return &c.ReadAhead }, 0, 1<<16),
			ints(func(c C) *int { return &c.ReadAhead }, -1, 1<<16+1),
			"want 0 to 65536 batches"},
		{"crop", ints(func(c C) *int { return &c.Crop }, 1, 4096), ints(func(c C) *int { return &c.Crop }, 0, 4097),
			"want 1 to 4096"},
		{"pad", ints(func(c C) *int { return &c.Pad }, 0, 4096), ints(func(c C) *int { return &c.Pad }, -1, 4097),
			"want 0 to 4096 pixels"},
		{"color_noise", floats(func(c C) *float64 { return &c.ColorNoise }, 0, 3),
			floats(func(c C) *float64 { return &c.ColorNoise }, -0.1, math.NaN(), math.Inf(1)), "want a standard deviation"},
		{"mean", []change{func(c C) { c.Mean = "image" }, func(c C) { c.Mean = "none" }},
			[]change{func(c C) { c.Mean = "median" }}, `"median", want "channel"`},
		{"scale", floats(func(c C) *float64 { return &c.Scale }, -1, 0.1),
			floats(func(c C) *float64 { return &c.Scale }, 0, math.NaN(), math.Inf(1), math.Inf(-1)), "want a finite factor"},
		{"prefetch", ints(func(c C) *int { return &c.Prefetch }, 0, 1024),
			ints(func(c C) *int { return &c.Prefetch }, -1, 1025), "want 0 to 1024"},
		{"workers", ints(func(c C) *int { return &c.Workers }, 0, 1024),
			ints(func(c C) *int { return &c.Workers }, -1, 1025), "want 0 (one a core)"},
		{"generated.classes", nil, ints(func(c C) *int { return &c.Generated.Classes }, 11), "11, want 2 to 10"},
		{"generated.val", nil, ints(func(c C) *int { return &c.Generated.Val }, -1), "want 0"},
	} {
		for i, change := range of.good {
			c := augmented()
			if change(&c); c.Validate() != nil {
				t.Errorf("%s, %d: error %v", of.key, i, c.Validate())
			}
		}
		for i, change := range of.wrong {
			c := augmented()
			change(&c)
			if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), of.key+": ") ||
				!strings.Contains(err.Error(), of.want) {
				t.Errorf("%s, %d: error %v, want %q", of.key, i, err, of.want)
			}
		}
	}
}

func columns(names ...string) func(C) {
	return func(c C) { c.Columns = names }
}

func quality(codec string, quality int) func(C) {
	return func(c C) { c.Codec, c.Quality = codec, quality }
}

// C is short for what these tests change.
type C = *dataloader.Config

// ints and floats set a key to each of the values.
func ints(key func(C) *int, values ...int) (all []func(C)) {
	for _, v := range values {
		all = append(all, func(c C) { *key(c) = v })
	}
	return all
}

func floats(key func(C) *float64, values ...float64) (all []func(C)) {
	for _, v := range values {
		all = append(all, func(c C) { *key(c) = v })
	}
	return all
}

// A crop fits that is as large as the image with its padding, and no larger one.
func TestFits(t *testing.T) {
	for _, k := range []struct {
		crop, pad, height, width int
		fits                     bool
	}{
		{12, 0, 12, 12, true}, {13, 0, 12, 12, false}, {16, 2, 12, 12, true}, {17, 2, 12, 12, false},
		{11, 0, 11, 20, true}, {12, 0, 11, 20, false}, {12, 0, 20, 11, false},
	} {
		c := augmented()
		c.Crop, c.Pad = k.crop, k.pad
		if err := c.Fits("the set", k.height, k.width); (err == nil) != k.fits || err != nil &&
			!strings.Contains(err.Error(), "images of the set are") {
			t.Errorf("%+v: error %v", k, err)
		}
	}
}
