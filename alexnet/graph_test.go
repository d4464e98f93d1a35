package alexnet_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duet/alexnet"
	"duet/engine/model"
	"duet/engine/op"
)

// TestExchanges: the towers' devices send to each other at conv3, fc6, fc7 and fc8 and nowhere else. Only the first
// device needs the other half at fc8.
func TestExchanges(t *testing.T) {
	sends := func(g *model.Graph, backward bool) map[string]int {
		return count(g, func(a *op.Applied) string {
			if s, is := a.Op.(op.Send); is && s.Backward == backward {
				return a.Layer
			}
			return ""
		})
	}
	want := map[string]int{"conv3": 2, "fc6": 2, "fc7": 2, "fc8": 1}
	g := build(t, network(t, "alexnet"), full(2, true))
	if got := sends(g, false); !maps.Equal(got, want) {
		t.Errorf("forward %v, want %v", got, want)
	}
	if got := sends(g, true); !maps.Equal(got, want) {
		t.Errorf("backward %v, want %v", got, want)
	}
	for _, a := range operations(g) {
		if s, is := a.Op.(op.Send); is && (s.From == a.Device || s.From+a.Device != 1) {
			t.Errorf("%v: from device %d to %d", a, s.From, a.Device)
		}
	}
	if got := sends(build(t, network(t, "alexnet"), full(1, true)), false); len(got) != 0 {
		t.Errorf("one device sends: %v", got)
	}
}

// TestNothingIsMerged: gorgonia merges nodes of equal hash. Both towers' operations must be there, and in training the
// gradients of all but the images.
func TestNothingIsMerged(t *testing.T) {
	for _, c := range []struct {
		devices int
		train   bool
		want    map[string]int
	}{
		{1, false, map[string]int{"augment": 1, "conv2d": 5, "lrn": 2, "max_pool": 3, "flatten": 1, "linear": 3, "scale": 2,
			"softmax_loss": 1, "softmax": 1, "top_errors": 1}},
		{2, false, map[string]int{"augment": 2, "conv2d": 10, "lrn": 4, "max_pool": 6, "flatten": 2, "linear": 5, "scale": 4,
			"send": 7, "concat": 7, "softmax_loss": 1, "softmax": 1, "top_errors": 1}},
		{1, true, map[string]int{"augment": 1, "conv2d": 5, "lrn": 2, "max_pool": 3, "flatten": 1, "linear": 3,
			"softmax_loss": 1, "softmax": 1, "top_errors": 1, "softmax_loss_grad": 1,
			"dropout":          4, // and again for the gradients
			"conv2d_grad_bias": 5, "conv2d_grad_input": 5, "conv2d_grad_weight": 5,
			"linear_grad_bias": 3, "linear_grad_input": 3, "linear_grad_weight": 3, "relu_grad": 7, "unflatten": 1,
			"lrn_scale": 2, "lrn_grad": 2, "max_pool_argmax": 3, "max_pool_grad": 3}},
		{2, true, map[string]int{"augment": 2, "conv2d": 10, "lrn": 4, "max_pool": 6, "flatten": 2, "linear": 5,
			"softmax_loss": 1, "softmax": 1, "top_errors": 1, "softmax_loss_grad": 1,
			"dropout": 8, "send": 14, "concat": 7, "slice": 14,
			"conv2d_grad_bias": 10, "conv2d_grad_input": 10, "conv2d_grad_weight": 10,
			"linear_grad_bias": 5, "linear_grad_input": 5, "linear_grad_weight": 5, "relu_grad": 14, "unflatten": 2,
			"lrn_scale": 4, "lrn_grad": 4, "max_pool_argmax": 6, "max_pool_grad": 6}},
	} {
		got := count(build(t, network(t, "alexnet"), full(c.devices, c.train)), (*op.Applied).Name)
		if !maps.Equal(got, c.want) {
			t.Errorf("%d devices, training %v:\ngot  %v\nwant %v", c.devices, c.train, got, c.want)
		}
	}
}

// TestTrainAndTestGraphs: gradients only for training; dropout becomes a factor at test, or nothing where it is
// inverted.
func TestTrainAndTestGraphs(t *testing.T) {
	for devices := 1; devices <= 2; devices++ {
		train, test := build(t, network(t, "alexnet"), full(devices, true)), build(t, network(t, "alexnet"),
			full(devices, false))
		for i, p := range train.Params {
			for j, part := range p.Parts {
				if part.Grad == nil || !part.Grad.Shape().Eq(part.Node.Shape()) {
					t.Errorf("%d devices: gradient %d of %s is %v", devices, j, p.Name, part.Grad)
				}
				if test.Params[i].Parts[j].Grad != nil {
					t.Errorf("%d devices: %s has a gradient at test", devices, p.Name)
				}
			}
		}
		for graph, want := range map[*model.Graph][]string{
			train: {model.Images, model.Draws, model.Mean, model.Labels, model.Counters},
			test:  {model.Images, model.Draws, model.Mean, model.Labels},
		} {
			var names []string
			for _, in := range graph.Inputs {
				names = append(names, in.Name)
				if len(in.Nodes) != devices || in.Nodes[0] == nil {
					t.Errorf("%d devices: input %s has nodes %v", devices, in.Name, in.Nodes)
				}
			}
			if !slices.Equal(names, want) {
				t.Errorf("%d devices: inputs %v, want %v", devices, names, want)
			}
			if got := []int(graph.Probs.Shape()); !slices.Equal(got, []int{2, 1000}) {
				t.Errorf("probabilities are %v", got)
			}
			if !graph.Loss.IsScalar() || !slices.Equal([]int(graph.Errors.Shape()), []int{2}) {
				t.Errorf("loss is %v, errors are %v", graph.Loss.Shape(), graph.Errors.Shape())
			}
		}
	}

	inverted := network(t, "alexnet", "network.layers.drop6.inverted=true", "network.layers.drop7.drop_rate=0")
	if n := count(build(t, inverted, full(1, false)), (*op.Applied).Name)["scale"]; n != 0 {
		t.Errorf("inverted dropout and dropout of nothing scale %d times at test", n)
	}
	if n := count(build(t, inverted, full(1, true)), (*op.Applied).Name)["dropout"]; n != 2 {
		t.Errorf("one layer drops, with %d nodes, want 2", n)
	}
}

// TestLayers: each type of layer becomes its operations, a rectifier of its own too.
func TestLayers(t *testing.T) {
	net := network(t, "alexnet")
	conv1 := slices.IndexFunc(net.Layers, func(l alexnet.Layer) bool { return l.Name == "conv1" })
	net.Layers[conv1].Activation = ""
	net.Layers = slices.Insert(net.Layers, conv1+1, alexnet.Layer{Name: "relu1", Type: "relu"},
		alexnet.Layer{Name: "tanh1", Type: "tanh"}, alexnet.Layer{Name: "mean1", Type: "avgpool", Kernel: 2, CountPad: true})
	want := map[string]int{"augment": 1, "conv2d": 5, "relu": 1, "tanh": 1, "avg_pool": 1, "lrn": 2, "max_pool": 3,
		"flatten": 1, "linear": 3, "scale": 2, "softmax": 1, "softmax_loss": 1, "top_errors": 1}
	if got := count(build(t, net, full(1, false)), (*op.Applied).Name); !maps.Equal(got, want) {
		t.Errorf("operations %v, want %v", got, want)
	}
}

// TestTanh: a tangent follows every layer with weights that has it for an activation, in each tower, and no rectifier.
func TestTanh(t *testing.T) {
	var sets []string
	for _, l := range network(t, "alexnet").Layers {
		if l.Activation != "" {
			sets = append(sets, "network.layers."+l.Name+".activation=tanh")
		}
	}
	for devices, want := range map[int]int{1: 7, 2: 14} {
		g := build(t, network(t, "alexnet", sets...), full(devices, true))
		if n := count(g, (*op.Applied).Name); n["tanh"] != want || n["tanh_grad"] != want || n["relu_grad"] != 0 {
			t.Errorf("%d devices: %d tangents, %d gradients, %d rectifiers, want %d, %d and 0", devices, n["tanh"],
				n["tanh_grad"], n["relu_grad"], want, want)
		}
	}
}

// TestMasks: the towers' masks are parts of one mask.
func TestMasks(t *testing.T) {
	for _, a := range operations(build(t, network(t, "alexnet"), full(2, true))) {
		d, is := a.Op.(op.Dropout)
		if is && (d.Width != 4096 || d.First != 2048*a.Device || d.Rate != 0.5 || d.Inverted) {
			t.Errorf("%v: %+v", a, d)
		}
	}
}

// TestAblations are the networks that the paper compares, and those that lack a half: each an edit of the layers, each
// on one device and on two with the same parameters.
func TestAblations(t *testing.T) {
	var half []string // of the maps and features of every layer
	for _, l := range network(t, "alexnet").Layers {
		switch {
		case l.Maps > 0:
			half = append(half, "network.layers."+l.Name+".maps="+strconv.Itoa(l.Maps/2))
		case l.Features > 0 && l.Name != "fc8":
			half = append(half, "network.layers."+l.Name+".features="+strconv.Itoa(l.Features/2))
		}
	}
	apart := []string{"network.layers.conv3.exchange=false", "network.layers.fc6.exchange=false",
		"network.layers.fc7.exchange=false"}
	small := []string{}
	for _, pool := range []string{"pool1", "pool2", "pool5"} {
		small = append(small, "network.layers."+pool+".kernel=2")
	}
	for _, c := range []struct {
		name       string
		network    alexnet.Config
		parameters int
		exchanges  string
	}{
		{"the paper's", network(t, "alexnet"), 60_965_224, "conv3 fc6 fc7 fc8"},
		{"without LRN", without(network(t, "alexnet"), "norm"), 60_965_224, "conv3 fc6 fc7 fc8"},
		{"without dropout", without(network(t, "alexnet"), "drop"), 60_965_224, "conv3 fc6 fc7 fc8"},
		{"2x2 pooling", network(t, "alexnet", small...), 60_965_224, "conv3 fc6 fc7 fc8"},
		// conv3: 384*9*128 fewer weights, fc6: 4096*4608, fc7: 4096*2048
		{"no exchange", network(t, "alexnet", apart...), 60_965_224 - 384*9*128 - 4096*4608 - 4096*2048, "fc8"},
		{"half width", network(t, "alexnet", half...), 16_277_160, "conv3 fc6 fc7 fc8"},
		{"one tower's classifier", network(t, "alexnet", "network.layers.fc7.towers=1"), 60_965_224, "conv3 fc6 fc7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var shapes [2][]string
			for devices := 1; devices <= 2; devices++ {
				g := build(t, c.network, full(devices, true))
				if n := g.ParameterCount(); n != c.parameters {
					t.Errorf("%d devices: %d parameters, want %d", devices, n, c.parameters)
				}
				for _, p := range g.Params {
					shapes[devices-1] = append(shapes[devices-1], fmt.Sprint(p.Name, p.Shape))
				}
				sends := count(g, func(a *op.Applied) string {
					if _, is := a.Op.(op.Send); is {
						return a.Layer
					}
					return ""
				})
				if got := strings.Join(slices.Sorted(maps.Keys(sends)), " "); devices == 2 && got != c.exchanges {
					t.Errorf("exchanges at %s, want %s", got, c.exchanges)
				}
			}
			if !slices.Equal(shapes[0], shapes[1]) {
				t.Errorf("parameters of one device\n%v\nand of two\n%v", shapes[0], shapes[1])
			}
		})
	}
}
