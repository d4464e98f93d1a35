package alexnet_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/alexnet"
	"duet/internal/invalid"
)

// edited is the full network after a change.
func edited(t *testing.T, change func(c *alexnet.Config)) alexnet.Config {
	t.Helper()
	c := network(t, "alexnet")
	change(&c)
	return c
}

// The indices of some layers of the full network.
const (
	conv1, norm1, pool1, conv2, conv3, fc6, drop6, fc8 = 0, 1, 2, 3, 6, 10, 11, 14
)

// TestBuildErrors: an impossible network is an *invalid.Error of the key that is to be changed, on any placement.
func TestBuildErrors(t *testing.T) {
	layer := func(i int, change func(l *alexnet.Layer)) func(*alexnet.Config) {
		return func(c *alexnet.Config) { change(&c.Layers[i]) }
	}
	last := len(alexnet.Types) - 1
	for _, c := range []struct {
		name   string
		change func(c *alexnet.Config)
		want   string
	}{
		{"no layers", func(c *alexnet.Config) { c.Layers = nil }, "layers: no layers, want at least one of type linear"},
		{"no linear layer at the end", func(c *alexnet.Config) { c.Layers = c.Layers[:3] },
			"layers[2].type: the last layer is maxpool, want linear without an activation: the classes' scores"},
		{"towers", func(c *alexnet.Config) { c.Towers = 4 }, "towers: 4, want 1 or 2"},
		{"layer's towers", layer(conv2, func(l *alexnet.Layer) { l.Towers = 3 }),
			"layers[3].towers: 3, want 1 or 2, the network's"},
		{"activation", layer(conv2, func(l *alexnet.Layer) { l.Activation = "gelu" }),
			`layers[3].activation: "gelu", want "relu", "tanh" or "none"`},
		{"scores with an activation", layer(fc8, func(l *alexnet.Layer) { l.Activation = "tanh" }),
			"layers[14].type: the last layer is linear with tanh, want linear without an activation: the classes' scores"},
		{"type", layer(conv2, func(l *alexnet.Layer) { l.Type = "convolution" }),
			`layers[3].type: "convolution", want ` + strings.Join(alexnet.Types[:last], ", ") + " or " + alexnet.Types[last]},
		{"maps", layer(conv2, func(l *alexnet.Layer) { l.Maps = 1 << 21 }), "layers[3].maps: 2097152, want 1 to 1048576"},
		{"pooling window", layer(pool1, func(l *alexnet.Layer) { l.Kernel = 17 }), "layers[2].kernel: 17, want 1 to 16"},
		{"LRN k", layer(norm1, func(l *alexnet.Layer) { l.K = 0 }), "layers[1].k: 0, want above 0, such as 2"},
		{"LRN window", layer(norm1, func(l *alexnet.Layer) { l.N = 2 }), "layers[1].n: 2, want an odd number of maps"},
		{"drop rate", layer(drop6, func(l *alexnet.Layer) { l.DropRate = new(1.0) }),
			"layers[11].drop_rate: 1, want 0 to below 1, also when rounded to float32"},
		{"drop rate that float32 rounds to 1", layer(drop6, func(l *alexnet.Layer) { l.DropRate = new(0.99999999) }),
			"layers[11].drop_rate: 0.99999999, want 0 to below 1, also when rounded to float32"},
		{"key of another type", layer(drop6, func(l *alexnet.Layer) { l.Kernel = 1 }),
			"layers[11].kernel: a layer of type dropout has no such key, it has name, type, drop_rate, inverted"},
		{"kernel", layer(conv3, func(l *alexnet.Layer) { l.Kernel = 16 }),
			"layers[6].kernel: conv3: conv2d: kernel 16 is larger than the input 13 with pad 1"},
		{"odd maps", layer(conv3, func(l *alexnet.Layer) { l.Maps = 383 }),
			"layers[6].maps: conv3: 383, want a multiple of the 2 towers"},
		{"odd features", layer(fc6, func(l *alexnet.Layer) { l.Features = 3 }),
			"layers[10].features: fc6: 3, want a multiple of the 2 towers"},
		{"no features", layer(fc6, func(l *alexnet.Layer) { l.Features = 0 }),
			"layers[10].features: fc6: 0, want at least 1"},
		{"classes", layer(fc8, func(l *alexnet.Layer) { l.Features = 10 }),
			"layers[14].features: fc8: 10, but the data has 1000 classes: want 1000, or no features to take the data's"},
		{"scores without exchange", layer(fc8, func(l *alexnet.Layer) { l.Exchange = false }),
			"layers[14].exchange: fc8: runs on one tower but sees two: want exchange = true"},
		{"one tower, then two", layer(conv2, func(l *alexnet.Layer) { l.Towers, l.Exchange = 1, true }), ""},
		{"one tower, then two without exchange", func(c *alexnet.Config) {
			c.Layers[conv2].Towers, c.Layers[conv2].Exchange = 1, true
			c.Layers[conv3].Exchange = false
		}, "layers[6].exchange: conv3: runs on two towers but only one has its input: want exchange = true"},
		{"convolution of features", layer(fc8-1, func(l *alexnet.Layer) {
			*l = alexnet.Layer{Name: "conv8", Type: "conv", Maps: 8, Kernel: 1, Exchange: true}
		}), "layers[13].type: conv8: conv of a tensor of rank 2, want it before the linear layers"},
		{"dropout of maps", layer(pool1, func(l *alexnet.Layer) {
			*l = alexnet.Layer{Name: "drop1", Type: "dropout",
				DropRate: new(0.5)}
		}), "layers[3].type: conv2: conv of a tensor of rank 2, want it before the linear layers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for devices := 1; devices <= 2; devices++ {
				_, err := edited(t, c.change).Build(full(devices, true))
				if c.want == "" {
					if err != nil {
						t.Errorf("%d devices: %v", devices, err)
					}
					continue
				}
				var at *invalid.Error
				if err == nil || err.Error() != c.want || !errors.As(err, &at) {
					t.Errorf("%d devices: got  %v\nwant %s", devices, err, c.want)
				}
			}
		})
	}
}

func TestDevices(t *testing.T) {
	one := edited(t, func(c *alexnet.Config) { c.Towers = 1 })
	for _, devices := range []int{0, 2, 3} {
		if _, err := one.Build(full(devices, false)); err == nil || !strings.Contains(err.Error(), "want one device") {
			t.Errorf("one tower on %d devices: error %v", devices, err)
		}
	}
	g := build(t, one, full(1, false)) // the single-column network: every kernel sees all maps
	if n := g.ParameterCount(); n != 62_378_344 {
		t.Errorf("one tower has %d parameters, want 62378344", n)
	}
}

// TestNames: a network's name is good for a folder's, a layer's for the first part of its parameters'.
func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{"": true, "alexnet": true, "net 2.1_b-3": true, "größe": true,
		"momentum": true, strings.Repeat("x", 200): true, "a/b": false, "/a": false, "a/": false, "..": false, ".": false,
		"../x": false, `a\b`: false, ".hidden": false, "c:": false, "a\nb": false,
		"a\x1b[1m": false, "\xff": false, "a*": false, strings.Repeat("x", 201): false} {
		named := edited(t, func(c *alexnet.Config) { c.Name = name })
		err := named.Validate()
		var at *invalid.Error
		if ok != (err == nil) || err != nil && (!errors.As(err, &at) || at.Key != "name") {
			t.Errorf("network %q: %v", name, err)
		}
	}
	for name, ok := range map[string]bool{"conv 1": true, "a/b": true, "block.1": true, "momenta": true,
		"momentum1.a": true, "speak.up": true, "größe": true, "momentum": false, "momentum.a": false, "momentum.": false,
		"peak": false, "peak.a": false, "": false, "conv2": false, "a\nb": false, "\x1b[1m": false,
		"\xff": false, "a\u202eb": false} {
		c := edited(t, func(c *alexnet.Config) { c.Layers[conv1].Name = name })
		err := c.Validate()
		var at *invalid.Error
		if ok != (err == nil) || err != nil && (!errors.As(err, &at) || !strings.HasSuffix(at.Key, "].name")) {
			t.Errorf("layer %q: %v", name, err)
		}
	}
}

// TestBounds: each key takes its smallest and its largest value, and neither the one below nor the one above.
func TestBounds(t *testing.T) {
	const width, kernel = 1 << 20, 1 << 10
	yes, rate := true, func(v float64) *float64 { return &v }
	conv := alexnet.Layer{Name: "conv", Type: "conv", Maps: 4, Kernel: 3}
	small := alexnet.Layer{Name: "small", Type: "conv", Maps: 4, Kernel: 1}
	pool := alexnet.Layer{Name: "pool", Type: "maxpool", Kernel: 3}
	mean := alexnet.Layer{Name: "mean", Type: "avgpool", Kernel: 3}
	norm := alexnet.Layer{Name: "norm", Type: "lrn", N: 5, K: 2, Alpha: 1e-4, Beta: 0.75, AlphaOverN: &yes}
	fc := alexnet.Layer{Name: "fc", Type: "linear", Features: 4}
	drop := alexnet.Layer{Name: "drop", Type: "dropout"}
	nan := math.NaN()
	type real = func(l *alexnet.Layer, v float64)
	for _, c := range []struct {
		key   string
		layer alexnet.Layer
		set   real
		good  []float64
		bad   []float64
	}{
		{"maps", conv, func(l *alexnet.Layer, v float64) { l.Maps = int(v) }, []float64{1, width},
			[]float64{-1, 0, width + 1}},
		{"kernel", conv, func(l *alexnet.Layer, v float64) { l.Kernel = int(v) }, []float64{1, kernel},
			[]float64{-1, 0, kernel + 1}},
		{"kernel", pool, func(l *alexnet.Layer, v float64) { l.Kernel = int(v) }, []float64{1, 16}, []float64{-1, 0, 17}},
		{"stride", conv, func(l *alexnet.Layer, v float64) { l.Stride = int(v) }, []float64{0, 1, kernel},
			[]float64{-1, kernel + 1}},
		{"kernel", mean, func(l *alexnet.Layer, v float64) { l.Kernel = int(v) }, []float64{1, kernel},
			[]float64{-1, 0, kernel + 1}},
		{"pad", mean, func(l *alexnet.Layer, v float64) { l.Pad = int(v) }, []float64{0, 2}, []float64{-1, 3}},
		{"stride", pool, func(l *alexnet.Layer, v float64) { l.Stride = int(v) }, []float64{0, 1, kernel},
			[]float64{-1, kernel + 1}},
		{"pad", conv, func(l *alexnet.Layer, v float64) { l.Pad = int(v) }, []float64{0, 2}, []float64{-1, 3}},
		{"pad", pool, func(l *alexnet.Layer, v float64) { l.Pad = int(v) }, []float64{0, 2}, []float64{-1, 3}},
		{"pad", small, func(l *alexnet.Layer, v float64) { l.Pad = int(v) }, []float64{0}, []float64{-1, 1}},
		{"features", fc, func(l *alexnet.Layer, v float64) { l.Features = int(v) }, []float64{0, 1, width},
			[]float64{-1, width + 1}},
		{"towers", conv, func(l *alexnet.Layer, v float64) { l.Towers = int(v) }, []float64{0, 1, 2}, []float64{-1, 3}},
		{"towers", fc, func(l *alexnet.Layer, v float64) { l.Towers = int(v) }, []float64{0, 1, 2}, []float64{-1, 3}},
		{"n", norm, func(l *alexnet.Layer, v float64) { l.N = int(v) }, []float64{1, 3, width - 1},
			[]float64{-1, 0, 2, width + 1}},
		{"k", norm, func(l *alexnet.Layer, v float64) { l.K = v }, []float64{1e-30, 2}, []float64{0, -1, nan}},
		{"alpha", norm, func(l *alexnet.Layer, v float64) { l.Alpha = v }, []float64{1e-30, 2}, []float64{0, -1, nan}},
		{"beta", norm, func(l *alexnet.Layer, v float64) { l.Beta = v }, []float64{1e-30, 2}, []float64{0, -1, nan}},
		{"drop_rate", drop, func(l *alexnet.Layer, v float64) { l.DropRate = new(v) }, []float64{0, 0.5, 0.999},
			[]float64{-0.1, 1, nan}},
		{"std", conv, func(l *alexnet.Layer, v float64) { l.Init, l.Std = "normal", v }, []float64{1e-9, 1},
			[]float64{0, -1, nan}},
		{"std", fc, func(l *alexnet.Layer, v float64) { l.Init, l.Std = "he", v }, []float64{0}, []float64{0.01}},
		{"std", fc, func(l *alexnet.Layer, v float64) { l.Std = v }, []float64{0}, []float64{0.01}},
		{"rate", conv, func(l *alexnet.Layer, v float64) { l.Rate = rate(v) }, []float64{0, 2}, []float64{-1, nan}},
		{"bias_rate", fc, func(l *alexnet.Layer, v float64) { l.BiasRate = rate(v) }, []float64{0, 2}, []float64{-1, nan}},
		{"decay", fc, func(l *alexnet.Layer, v float64) { l.Decay = rate(v) }, []float64{0, 2}, []float64{-1, nan}},
		{"bias_decay", conv, func(l *alexnet.Layer, v float64) { l.BiasDecay = rate(v) }, []float64{0, 2},
			[]float64{-1, nan}},
	} {
		for i, v := range append(slices.Clone(c.good), c.bad...) {
			l := c.layer
			c.set(&l, v)
			config := alexnet.Config{Name: "bounds", Towers: 2, Layers: []alexnet.Layer{l, {Name: "scores", Type: "linear"}}}
			err := config.Validate()
			if ok := i < len(c.good); ok && err != nil || !ok &&
				(err == nil || !strings.HasPrefix(err.Error(), "layers[0]."+c.key+": ") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s of %s = %v: error %v", c.key, l.Type, v, err)
			}
		}
	}
}
