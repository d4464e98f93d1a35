package configs

import (
	"errors"
	"strings"

	"duet/dataloader"
	"duet/engine/model"
	"duet/engine/train"
	"duet/internal/invalid"
)

// required are the keys whose zero value is possible, so that leaving them out would be a silent choice. The packages'
// own validation asks for the others.
var required = []struct{ table, key, want string }{
	{"train", "momentum", "such as 0.9, or 0 for none"},
	{"train", "weight_decay", "such as 0.0005, or 0 for none"},
}

// validate lets each package check its table, and asks for what is missing.
func (r *report) validate(c *train.Config, tree map[string]any) {
	for _, k := range required {
		if table, _ := tree[k.table].(map[string]any); table[k.key] == nil {
			r.problem(join(k.table, k.key), "missing, want a value %s", k.want)
		}
	}
	r.invalid(invalid.Under("network", network(c).Validate()))
	r.invalid(invalid.Under("data", c.Data.Validate()))
	r.invalid(invalid.Under("devices", c.Devices.Validate()))
	r.invalid(invalid.Under("train", c.Train.Validate()))
}

// crossCheck is what concerns several tables: a configuration whose tables are valid each.
func (r *report) crossCheck(c *train.Config) {
	if n := len(c.Devices.Towers); n != 1 && n != c.Network.MaxDevices() {
		r.problem("devices.towers", "%d devices for a network of 1 tower, want one device", n)
		return
	}
	if c.Devices.Precision == "fp64" {
		for i, d := range c.Devices.Towers {
			if !strings.HasPrefix(d, "reference:") {
				r.problem("devices.precision", "fp64 on %s, want fp32 or bf16: only the reference backend has fp64",
					c.Devices.Towers[i])
				return
			}
		}
	}
	if side, pad := storedSide(&c.Data), c.Data.Pad; side > 0 && c.Data.Crop > side+2*pad {
		r.problem("data.crop", "%d, want at most %d: images are %d pixels wide with a pad of %d", c.Data.Crop, side+2*pad,
			side, pad)
		return
	}
	o := trial(c)
	o.Train = c.Train.CacheFeatures
	g, err := c.Network.Build(o)
	if err != nil {
		var at *invalid.Error
		if errors.As(err, &at) {
			err = invalid.Under("network", err)
		}
		r.invalid(err)
		return
	}
	r.invalid(c.Caches(g))
}

// storedSide is the side of the packed images in pixels, or 0 when only the data tells.
func storedSide(d *dataloader.Config) int {
	switch {
	case d.Size > 0:
		return d.Size
	case d.Path == "generated":
		return d.Generated.Size
	}
	return 0
}

// trial is a graph that is cheap to build and has every shape of the real one, but the batch and, unless it is known
// already, the number of classes.
func trial(c *train.Config) model.Options {
	crop := c.Data.Crop
	o := model.Options{Batch: 1, Devices: len(c.Devices.Towers), Height: crop, Width: crop, Crop: crop,
		Scale: c.Data.Scales(), Mean: []int{3, 1, 1}, Classes: 10}
	if n := c.Network.Classes(); n > 0 {
		o.Classes = n
	}
	if c.Data.Path == "generated" {
		o.Classes = c.Data.Generated.Classes
	}
	return o
}
