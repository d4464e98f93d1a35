package alexnet_test

import (
	"slices"
	"strings"
	"testing"

	"duet/alexnet"
	"duet/configs"
	"duet/engine/model"
	"duet/engine/op"
)

// network is a built-in network, changed by overrides such as "network.layers.conv1.maps=48".
func network(t *testing.T, name string, set ...string) alexnet.Config {
	t.Helper()
	c, err := configs.Load(name, set)
	if err != nil {
		t.Fatal(err)
	}
	return *c.Network.(*alexnet.Config)
}

// without is a network without the layers whose names start with a prefix.
func without(c alexnet.Config, prefix string) alexnet.Config {
	c.Layers = slices.DeleteFunc(slices.Clone(c.Layers),
		func(l alexnet.Layer) bool { return strings.HasPrefix(l.Name, prefix) })
	return c
}

// full are the options of the full network on ImageNet, with a small batch: no shape but the batch's depends on it.
func full(devices int, train bool) model.Options {
	return model.Options{Batch: 2, Devices: devices, Train: train, Classes: 1000, Height: 256, Width: 256, Crop: 227,
		Scale: [3]float64{1, 1, 1}, Mean: []int{3, 256, 256}}
}

func build(t *testing.T, c alexnet.Config, o model.Options) *model.Graph {
	t.Helper()
	g, err := c.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// operations are the nodes of a graph that are operations of ours.
func operations(g *model.Graph) []*op.Applied {
	var all []*op.Applied
	for _, n := range g.AllNodes() {
		if a, ok := n.Op().(*op.Applied); ok {
			all = append(all, a)
		}
	}
	return all
}

// count counts operations by a key; those of an empty key do not count.
func count(g *model.Graph, key func(a *op.Applied) string) map[string]int {
	counts := map[string]int{}
	for _, a := range operations(g) {
		if k := key(a); k != "" {
			counts[k]++
		}
	}
	return counts
}

// TestSizeOfAlexNet: the parameters of the paper's network, with the names and the shapes that PyTorch's users expect,
// whatever the placement.
func TestSizeOfAlexNet(t *testing.T) {
	want := []struct {
		name  string
		shape []int
	}{
		{"conv1.weight", []int{96, 3, 11, 11}}, {"conv1.bias", []int{96}},
		{"conv2.weight", []int{256, 48, 5, 5}}, {"conv2.bias", []int{256}},
		{"conv3.weight", []int{384, 256, 3, 3}}, {"conv3.bias", []int{384}},
		{"conv4.weight", []int{384, 192, 3, 3}}, {"conv4.bias", []int{384}},
		{"conv5.weight", []int{256, 192, 3, 3}}, {"conv5.bias", []int{256}},
		{"fc6.weight", []int{4096, 9216}}, {"fc6.bias", []int{4096}},
		{"fc7.weight", []int{4096, 4096}}, {"fc7.bias", []int{4096}},
		{"fc8.weight", []int{1000, 4096}}, {"fc8.bias", []int{1000}},
	}
	for devices := 1; devices <= 2; devices++ {
		g := build(t, network(t, "alexnet"), full(devices, false))
		if n := g.ParameterCount(); n != 60_965_224 {
			t.Errorf("%d devices: %d parameters, want 60965224", devices, n)
		}
		if len(g.Params) != len(want) {
			t.Fatalf("%d devices: %d parameters, want %d", devices, len(g.Params), len(want))
		}
		for i, p := range g.Params {
			if p.Name != want[i].name || !slices.Equal(p.Shape, want[i].shape) {
				t.Errorf("%d devices: parameter %d is %s %v, want %s %v", devices, i, p.Name, p.Shape, want[i].name, want[i].shape)
			}
			parts := devices
			if strings.HasPrefix(p.Name, "fc8.") { // on the first tower
				parts = 1
			}
			if len(p.Parts) != parts {
				t.Errorf("%d devices: %s has %d parts, want %d", devices, p.Name, len(p.Parts), parts)
			}
			rows := 0
			for _, part := range p.Parts {
				rows += part.Rows
				if got, want := []int(part.Node.Shape()), append([]int{p.Shape[0] / parts}, p.Shape[1:]...); !slices.Equal(got,
					want) {
					t.Errorf("%d devices: a part of %s is %v, want %v", devices, p.Name, got, want)
				}
			}
			if rows != p.Shape[0] {
				t.Errorf("%d devices: the parts of %s have %d rows, want %d", devices, p.Name, rows, p.Shape[0])
			}
		}
	}
}

// TestShapesOfAlexNet are the outputs of the layers, of both towers together and of one.
func TestShapesOfAlexNet(t *testing.T) {
	want := map[string][]int{ // of one tower, without the batch
		"conv1.conv2d": {48, 55, 55}, "norm1.lrn": {48, 55, 55}, "pool1.max_pool": {48, 27, 27},
		"conv2.conv2d": {128, 27, 27}, "norm2.lrn": {128, 27, 27}, "pool2.max_pool": {128, 13, 13},
		"conv3.conv2d": {192, 13, 13}, "conv4.conv2d": {192, 13, 13}, "conv5.conv2d": {128, 13, 13},
		"pool5.max_pool": {128, 6, 6},
		"fc6.linear":     {2048}, "fc7.linear": {2048}, "fc8.linear": {1000},
	}
	for devices := 1; devices <= 2; devices++ {
		seen := map[string]int{}
		for _, a := range operations(build(t, network(t, "alexnet"), full(devices, false))) {
			key := a.Layer + "." + a.Name()
			shape, checked := want[key]
			if !checked {
				continue
			}
			seen[key]++
			shape = append([]int{2}, shape...)
			if key != "fc8.linear" {
				shape[1] *= 2 / devices
			}
			if got := a.Out().Shape; !slices.Equal(got, shape) {
				t.Errorf("%d devices: %v gives %v, want %v", devices, a, got, shape)
			}
		}
		for key := range want {
			times := devices
			if key == "fc8.linear" {
				times = 1
			}
			if seen[key] != times {
				t.Errorf("%d devices: %d nodes of %s, want %d", devices, seen[key], key, times)
			}
		}
	}
}
