package oracle

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The known answers are those that the authors publish with Random123 (kat_vectors, philox4x32 10).
func TestPhilox(t *testing.T) {
	const f = 0xffffffff
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := philox(c.counter, c.key); got != c.want {
			t.Errorf("philox(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

// every has every kind of layer. Biases keep the rectifiers' inputs off 0, where there is no gradient.
const every = `
[network]
towers = 2
layers = [
  {name = "conv1", type = "conv", maps = 4, kernel = 3, stride = 2, pad = 1},
  {name = "norm1", type = "lrn", n = 3, k = 1.5, alpha = 0.4, beta = 0.75, alpha_over_n = true},
  {name = "relu1", type = "relu"},
  {name = "pool1", type = "maxpool", kernel = 2, stride = 1, pad = 1, ceil_mode = true},
  {name = "mean1", type = "avgpool", kernel = 3, stride = 1, pad = 2, ceil_mode = true, count_include_pad = true},
  {name = "tanh1", type = "tanh"},
  {name = "conv2", type = "conv", maps = 6, kernel = 2, activation = "relu", bias = 0.1},
  {name = "conv3", type = "conv", maps = 4, kernel = 2, exchange = true},
  {name = "mean3", type = "avgpool", kernel = 3, stride = 2, pad = 1, ceil_mode = true},
  {name = "fc4", type = "linear", features = 6, activation = "tanh", bias = 0.2},
  {name = "drop4", type = "dropout", drop_rate = 0.3, inverted = true},
  {name = "fc5", type = "linear", exchange = true},
]
[data]
crop = 6
mean = "none"
scale = 0.01
[train]
batch = 3
max_steps = 1
`

// TestGradient holds the gradients against differences of losses.
func TestGradient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(every), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{Height: 6, Width: 6, Classes: 3, Train: Split{Labels: []int{0, 1, 2}}}
	for i := range 3 {
		image := make([]byte, 6*6*3)
		for at := range image {
			image[at] = byte(at*at*7 + at*13 + i*89)
		}
		s.Train.Images = append(s.Train.Images, image)
	}
	o, err := New(c, s)
	if err != nil {
		t.Fatal(err)
	}
	o.Step(0, 0) // a rate of 0 leaves the weights and makes the gradients
	gradients := map[string][]float64{}
	for _, p := range o.Params {
		gradients[p.Name] = slices.Clone(p.gradient)
	}
	const h, tol = 1e-6, 1e-7
	for _, p := range o.Params {
		gradient, largest := gradients[p.Name], 0.0
		for i, was := range p.Values {
			p.Values[i] = was + h
			above, _ := o.Step(0, 0)
			p.Values[i] = was - h
			below, _ := o.Step(0, 0)
			p.Values[i] = was
			if numeric := (above - below) / (2 * h); !(math.Abs(numeric-gradient[i]) <= tol) {
				t.Errorf("%s[%d]: gradient %v, by differences %v", p.Name, i, gradient[i], numeric)
			}
			largest = math.Max(largest, math.Abs(gradient[i]))
		}
		if largest < 100*tol {
			t.Errorf("%s: gradients of at most %v say nothing", p.Name, largest)
		}
	}
}
