package dataloader_test

import (
	"math"
	"strings"
	"testing"

	"duet/dataloader"
)

func TestValidate(t *testing.T) {
	good := augmented()
	check(t, good.Validate())
	for key, change := range map[string]func(c *dataloader.Config){
		"path":              func(c *dataloader.Config) { c.Path = "" },
		"size":              func(c *dataloader.Config) { c.Size = -1 },
		"val_fraction":      func(c *dataloader.Config) { c.ValFraction = 1 },
		"format":            func(c *dataloader.Config) { c.Format = "jpg" },
		"per_class":         func(c *dataloader.Config) { c.PerClass = -1 },
		"val_per_class":     func(c *dataloader.Config) { c.ValPerClass = -1 },
		"codec":             func(c *dataloader.Config) { c.Codec = "png" },
		"columns":           func(c *dataloader.Config) { c.Columns = []string{"file"} },
		"quality":           func(c *dataloader.Config) { c.Quality = 101 },
		"shard_mib":         func(c *dataloader.Config) { c.ShardMiB = -1 },
		"cache":             func(c *dataloader.Config) { c.Cache = "data/mine" },
		"readahead":         func(c *dataloader.Config) { c.ReadAhead = -1 },
		"crop":              func(c *dataloader.Config) { c.Crop = 0 },
		"pad":               func(c *dataloader.Config) { c.Pad = -1 },
		"color_noise":       func(c *dataloader.Config) { c.ColorNoise = math.NaN() },
		"mean":              func(c *dataloader.Config) { c.Mean = "median" },
		"scale":             func(c *dataloader.Config) { c.Scale = math.Inf(1) },
		"prefetch":          func(c *dataloader.Config) { c.Prefetch = -1 },
		"workers":           func(c *dataloader.Config) { c.Workers = -2 },
		"generated.classes": func(c *dataloader.Config) { c.Generated.Classes = 11 },
		"generated.val":     func(c *dataloader.Config) { c.Generated.Val = -1 },
	} {
		c := augmented()
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), key+": ") || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s: error %v", key, err)
		}
	}
}
