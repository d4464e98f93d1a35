package alexnet_test

import (
	"math"
	"slices"
	"testing"

	"duet/engine/model"
)

// byName are a graph's parameters.
func byName(g *model.Graph) map[string]model.Param {
	params := map[string]model.Param{}
	for _, p := range g.Params {
		params[p.Name] = p
	}
	return params
}

// moments are the mean and the standard deviation.
func moments(values []float32) (mean, deviation float64) {
	squares := 0.
	for _, v := range values {
		mean += float64(v)
		squares += float64(v) * float64(v)
	}
	mean /= float64(len(values))
	return mean, math.Sqrt(squares/float64(len(values)) - mean*mean)
}

// TestInitialIgnoresPlacement: every placement, in training or not, starts from the same network.
func TestInitialIgnoresPlacement(t *testing.T) {
	c := network(t, "quick")
	o := model.Options{Batch: 2, Devices: 1, Train: true, Classes: 10, Height: 40, Width: 40, Crop: 36,
		Scale: [3]float64{1, 1, 1},
		Mean:  []int{3, 1, 1}}
	one := build(t, c, o)
	o.Devices, o.Train, o.Batch = 2, false, 3
	two := byName(build(t, c, o))
	first := one.Params[0]
	for _, p := range one.Params {
		values := p.Initial(7)
		if len(values) != p.Len() {
			t.Errorf("%s: %d values, want %d", p.Name, len(values), p.Len())
		}
		if !slices.Equal(values, two[p.Name].Initial(7)) {
			t.Errorf("%s differs between placements", p.Name)
		}
		if !slices.Equal(values, p.Initial(7)) {
			t.Errorf("%s differs between calls", p.Name)
		}
	}
	if slices.Equal(first.Initial(7), first.Initial(8)) {
		t.Errorf("%s is the same for two seeds", first.Name)
	}
	if a, b := two["conv2.weight"].Initial(7), two["conv3.weight"].Initial(7); slices.Equal(a[:100], b[:100]) {
		t.Error("conv2 and conv3 start from the same numbers")
	}
}

// TestInitialDistributions: the deviations are those of the formulas, within five standard errors, which are
// deviation/sqrt(n) of the mean and deviation/sqrt(2n) of the deviation.
func TestInitialDistributions(t *testing.T) {
	normal := byName(build(t, network(t, "alexnet", "network.layers.conv3.std=0.03"), full(2, false)))
	he := byName(build(t, network(t, "cifar10"), model.Options{Batch: 1, Devices: 1, Classes: 10, Height: 32, Width: 32,
		Crop: 32, Scale: [3]float64{1, 1, 1}, Mean: []int{3, 1, 1}}))
	for _, c := range []struct {
		param model.Param
		want  float64
	}{
		{normal["conv1.weight"], 0.01},
		{normal["conv2.weight"], 0.01},
		{normal["conv3.weight"], 0.03},
		{he["conv1.weight"], math.Sqrt(2. / (3 * 3 * 3))},
		{he["conv2.weight"], math.Sqrt(2. / (32 * 3 * 3))}, // of the own tower's 32 maps
		{he["conv3.weight"], math.Sqrt(2. / (96 * 3 * 3))}, // of both towers' 96
		{he["fc5.weight"], math.Sqrt(2. / (128 * 3 * 3))},
	} {
		values := c.param.Initial(1)
		mean, deviation := moments(values)
		n := float64(len(values))
		if !(math.Abs(mean) <= 5*c.want/math.Sqrt(n)) || !(math.Abs(deviation-c.want) <= 5*c.want/math.Sqrt(2*n)) {
			t.Errorf("%s: mean %v, deviation %v, want 0 and %v", c.param.Name, mean, deviation, c.want)
		}
	}
}

// TestBiases: the paper's are 1 in conv2, conv4, conv5, fc6 and fc7.
func TestBiases(t *testing.T) {
	want := map[string]float32{"conv2": 1, "conv4": 1, "conv5": 1, "fc6": 1, "fc7": 1, "conv1": 0, "conv3": 0, "fc8": 0}
	params := byName(build(t, network(t, "alexnet"), full(2, false)))
	for layer, v := range want {
		for i, got := range params[layer+".bias"].Initial(1) {
			if got != v {
				t.Errorf("%s.bias[%d] = %v, want %v", layer, i, got, v)
				break
			}
		}
	}
	constant := byName(build(t, network(t, "alexnet", "network.layers.conv1.init=constant",
		"network.layers.conv1.std=0.5"), full(1, false)))
	if mean, deviation := moments(constant["conv1.weight"].Initial(1)); mean != 0.5 || deviation != 0 {
		t.Errorf("a constant of 0.5 has mean %v, deviation %v", mean, deviation)
	}
}

// TestMultipliers: biases follow their layer's rate and decay unless they have their own.
func TestMultipliers(t *testing.T) {
	params := byName(build(t, network(t, "alexnet",
		"network.layers.conv2.rate=0.5", "network.layers.conv2.decay=3",
		"network.layers.conv3.bias_rate=2", "network.layers.conv3.bias_decay=0",
		"network.layers.conv4.rate=0", "network.layers.conv4.bias_rate=1"), full(2, false)))
	for name, want := range map[string][2]float64{
		"conv1.weight": {1, 1}, "conv1.bias": {1, 1},
		"conv2.weight": {0.5, 3}, "conv2.bias": {0.5, 3},
		"conv3.weight": {1, 1}, "conv3.bias": {2, 0},
		"conv4.weight": {0, 1}, "conv4.bias": {1, 1},
	} {
		if p := params[name]; p.Rate != want[0] || p.Decay != want[1] {
			t.Errorf("%s: rate %v, decay %v, want %v", name, p.Rate, p.Decay, want)
		}
	}
}
