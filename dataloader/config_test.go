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
		"data.path":              func(c *dataloader.Config) { c.Path = "" },
		"data.size":              func(c *dataloader.Config) { c.Size = -1 },
		"data.val_fraction":      func(c *dataloader.Config) { c.ValFraction = 1 },
		"data.crop":              func(c *dataloader.Config) { c.Crop = 0 },
		"data.pad":               func(c *dataloader.Config) { c.Pad = -1 },
		"data.color_noise":       func(c *dataloader.Config) { c.ColorNoise = math.NaN() },
		"data.mean":              func(c *dataloader.Config) { c.Mean = "median" },
		"data.scale":             func(c *dataloader.Config) { c.Scale = math.Inf(1) },
		"data.prefetch":          func(c *dataloader.Config) { c.Prefetch = -1 },
		"data.workers":           func(c *dataloader.Config) { c.Workers = -2 },
		"data.generated.classes": func(c *dataloader.Config) { c.Generated.Classes = 11 },
		"data.generated.val":     func(c *dataloader.Config) { c.Generated.Val = -1 },
	} {
		c := augmented()
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), key+" = ") || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s: error %v", key, err)
		}
	}
}
