package plan_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"duet/alexnet"
	"duet/engine/backend"
	"duet/engine/model"
	"duet/engine/op"
	"duet/engine/plan"
)

func init() {
	backend.Register(backend.Backend{Name: "fusing", Open: func(index int, o backend.Options) (backend.Device, error) {
		d, err := backend.Open("reference:0", o)
		return fusing{d}, err
	}})
}

// fusing is a reference device that wants pooling of an odd window fused, which it can do like any operation.
type fusing struct{ backend.Device }

func (f fusing) Fuses(o op.Op, x op.Type) bool {
	switch o := o.(type) {
	case op.LRNMaxPool:
		return o.Pool.Kernel%2 == 1
	case op.LRNMaxPoolGrad:
		return f.Fuses(o.LRNMaxPool, x)
	}
	return false
}

// operations are the names of a report's steps that normalise or pool, or rectify before that.
func operations(r plan.Report) (names []string) {
	for _, s := range r.Steps {
		switch s.Op {
		case "relu_grad":
			if s.Layer == "conv1" || s.Layer == "conv3" {
				names = append(names, s.Layer+" "+s.Op)
			}
		case "lrn", "lrn_grad", "max_pool", "max_pool_grad", "lrn_max_pool", "lrn_max_pool_grad":
			names = append(names, s.Layer+" "+s.Op)
		}
	}
	slices.Sort(names)
	return names
}

// TestFusion: normalisation and pooling become one step where the device says so and nothing else reads what is
// between, and the network learns the same.
func TestFusion(t *testing.T) {
	plain := network()
	square, apart, last := network(), network(), network()
	square.Layers[2].Kernel = 2
	apart.Layers = slices.Concat(apart.Layers[:2], []alexnet.Layer{{Name: "conv1b", Type: "conv", Maps: 6, Kernel: 3,
		Pad: 1}}, apart.Layers[2:])
	last.Layers = slices.Insert(last.Layers, 5, alexnet.Layer{Name: "norm3", Type: "lrn", N: 3, K: 1, Alpha: 1e-2,
		Beta: 0.5, AlphaOverN: last.Layers[1].AlphaOverN})
	for _, c := range []struct {
		name string
		net  alexnet.Config
		want []string
	}{
		{"both layers", plain, []string{"conv3 relu_grad", "norm1+pool1 lrn_max_pool", "norm1+pool1 lrn_max_pool_grad",
			"pool3 max_pool", "pool3 max_pool_grad"}},
		{"twice", last, []string{"norm1+pool1 lrn_max_pool", "norm1+pool1 lrn_max_pool_grad", "norm3+pool3 lrn_max_pool",
			"norm3+pool3 lrn_max_pool_grad"}},
		{"a window that the device does not want", square,
			[]string{"conv1 relu_grad", "conv3 relu_grad", "norm1 lrn", "norm1 lrn_grad", "pool1 max_pool",
				"pool1 max_pool_grad", "pool3 max_pool", "pool3 max_pool_grad"}},
		{"a layer between", apart, []string{"conv1 relu_grad", "conv3 relu_grad", "norm1 lrn", "norm1 lrn_grad",
			"pool1 max_pool", "pool1 max_pool_grad", "pool3 max_pool", "pool3 max_pool_grad"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fused, _, _ := build(t, c.net, "fusing:0")
			if got := operations(fused.Report()); !slices.Equal(got, c.want) {
				t.Errorf("steps %v, want %v", got, c.want)
			}
			unfused, _, _ := build(t, c.net, "reference:0")
			if got := operations(unfused.Report()); slices.Contains(got, "norm1+pool1 lrn_max_pool") {
				t.Errorf("a device that does not fuse has %v", got)
			}
			a, b := losses(t, fused, 20), losses(t, unfused, 20)
			for i := range a {
				if !(math.Abs(a[i]-b[i]) <= reorderTol*b[i]) {
					t.Fatalf("step %d: loss %v fused, %v not", i, a[i], b[i])
				}
			}
			small, large := fused.Report().Devices[0], unfused.Report().Devices[0]
			if len(c.want) < 7 && small.Unshared >= large.Unshared {
				t.Errorf("%d bytes of tensors fused, %d not", small.Unshared, large.Unshared)
			}
		})
	}
}

// TestFusionWithoutGradient: networks that only answer are fused too.
func TestFusionWithoutGradient(t *testing.T) {
	d, err := backend.Open("fusing:0", backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := network().Build(model.Options{Batch: batch, Devices: 1, Classes: classes, Height: side, Width: side,
		Crop: crop, Scale: [3]float64{1. / 64, 1. / 64, 1. / 64}, Mean: []int{3, 1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	state := plan.NewState([]backend.Device{d})
	p, err := plan.Compile(specOf(g), state)
	if err != nil {
		t.Fatal(err)
	}
	if got := operations(p.Report()); !slices.Equal(got, []string{"norm1+pool1 lrn_max_pool", "pool3 max_pool"}) {
		t.Errorf("steps %v", got)
	}
	for _, err := range []error{p.Close(), state.Close(), d.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestFusionKeeps: what lies between is computed where an output of the plan is made of it.
func TestFusionKeeps(t *testing.T) {
	_, _, g := build(t, network(), "fusing:0")
	var between *op.Node
	for _, n := range g.AllNodes() {
		if a, ok := n.Op().(*op.Applied); ok && a.Op.Name() == "lrn" {
			between = n
		}
	}
	d, err := backend.Open("fusing:0", backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	spec := specOf(g)
	spec.Outputs = append(spec.Outputs, plan.Output{Name: "normalised", Node: between})
	state := plan.NewState([]backend.Device{d})
	p, err := plan.Compile(spec, state)
	if err != nil {
		t.Fatal(err)
	}
	if got := operations(p.Report()); slices.Contains(got, "norm1+pool1 lrn_max_pool") ||
		!slices.Contains(got, "norm1 lrn") {
		t.Errorf("steps %v", got)
	}
	for _, err := range []error{p.Close(), state.Close(), d.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestFusionOfItsOwnGradient: gradients are fused with their normalisation and pooling only where they are taken at its
// input, and where what is kept for them is read by nothing else.
func TestFusionOfItsOwnGradient(t *testing.T) {
	for _, c := range []string{"own", "another input", "scale read twice", "argmax read twice"} {
		g := gorgonia.NewGraph()
		x := op.Floats(2, 4, 7, 7)
		norm, pool := op.LRN{N: 3, K: 1, Alpha: 1e-2, Beta: 0.5, Groups: 1}, op.MaxPool{Kernel: 3, Stride: 2}
		first, other := op.Leaf(g, "first", x, false), op.Leaf(g, "other", x, false)
		dy := op.Leaf(g, "dy", op.Floats(2, 4, 3, 3), false)
		y, scale := layer(t, "norm", norm, first), layer(t, "norm", op.LRNScale{LRN: norm}, first)
		z, argmax := layer(t, "pool", pool, y), layer(t, "pool", op.MaxPoolArgmax{Pool: pool}, y)
		at := first
		if c == "another input" {
			at = other
		}
		unpool := op.MaxPoolGrad{Pool: pool, H: 7, W: 7}
		dx := layer(t, "norm", op.LRNGrad{LRN: norm}, at, scale, layer(t, "pool", unpool, argmax, dy))
		spec := plan.Spec{Name: "own", Graph: g, Outputs: []plan.Output{{Name: "z", Node: z}, {Name: "dx", Node: dx}}}
		switch c {
		case "scale read twice":
			spec.Outputs = append(spec.Outputs, plan.Output{Name: "again",
				Node: layer(t, "again", op.LRNGrad{LRN: norm}, other, scale, other)})
		case "argmax read twice":
			spec.Outputs = append(spec.Outputs, plan.Output{Name: "again",
				Node: layer(t, "again", unpool, argmax, layer(t, "again", op.ReLU{}, dy))})
		}
		for _, n := range []*op.Node{first, other, dy} {
			typ, err := op.TypeOf(n)
			if err != nil {
				t.Fatal(err)
			}
			spec.Inputs = append(spec.Inputs, plan.Input{Name: n.Name(), Type: typ, Nodes: []*op.Node{n}})
		}
		d, err := backend.Open("fusing:0", backend.Options{})
		if err != nil {
			t.Fatal(err)
		}
		state := plan.NewState([]backend.Device{d})
		p, err := plan.Compile(spec, state)
		if err != nil {
			t.Fatal(err)
		}
		if got := operations(p.Report()); slices.Contains(got, "norm+pool lrn_max_pool_grad") != (c == "own") {
			t.Errorf("%s: steps %v", c, got)
		}
		for _, err := range []error{p.Close(), state.Close(), d.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// layer applies an operation of a layer on device 0.
func layer(t *testing.T, name string, o op.Op, in ...*op.Node) *op.Node {
	t.Helper()
	n, err := op.Apply(o, op.Place{Layer: name}, in...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func init() {
	backend.Register(backend.Backend{Name: "rectifying", Open: func(index int, o backend.Options) (backend.Device, error) {
		d, err := backend.Open("reference:0", o)
		return rectifying{d}, err
	}})
}

// rectifying is a reference device that wants the gradient of a rectifier in that of the layer behind it.
type rectifying struct{ backend.Device }

func (rectifying) Fuses(o op.Op, _ op.Type) bool {
	_, is := o.(op.Rectified)
	return is
}

// TestFusionWithRectifiers: the gradients of rectifiers go into what gives them theirs, and the network learns the very
// same.
func TestFusionWithRectifiers(t *testing.T) {
	fused, _, _ := build(t, network(), "rectifying:0")
	unfused, _, _ := build(t, network(), "reference:0")
	var got []string
	for _, s := range fused.Report().Steps {
		if strings.HasSuffix(s.Op, "_relu") {
			got = append(got, s.Layer+" "+s.Op)
		}
	}
	slices.Sort(got)
	want := []string{"conv3 conv2d_grad_input_relu", "drop4 dropout_relu", "pool3 max_pool_grad_relu"}
	if !slices.Equal(got, want) {
		t.Errorf("steps %v, want %v", got, want)
	}
	if a, b := losses(t, fused, 20), losses(t, unfused, 20); !slices.Equal(a, b) {
		t.Errorf("losses %v fused, %v not", a, b)
	}
}
