package plan_test

import (
	"fmt"
	"math"
	"testing"

	"duet/alexnet"
	"duet/engine/backend"
	_ "duet/engine/backend/reference"
	"duet/engine/model"
	"duet/engine/op"
	"duet/engine/plan"
	"duet/internal/rng"
)

// network is a small two-tower network with every kind of layer: exchanges before conv3, fc4 and fc5.
func network() alexnet.Config {
	yes := true
	return alexnet.Config{Name: "small", Towers: 2, Layers: []alexnet.Layer{
		{Name: "conv1", Type: "conv", Maps: 6, Kernel: 5, Stride: 2, Activation: "relu"},
		{Name: "norm1", Type: "lrn", N: 3, K: 2, Alpha: 1e-2, Beta: 0.75, AlphaOverN: &yes},
		{Name: "pool1", Type: "maxpool", Kernel: 3, Stride: 2},
		{Name: "conv2", Type: "conv", Maps: 8, Kernel: 3, Pad: 1, Activation: "relu", Bias: 0.1},
		{Name: "conv3", Type: "conv", Maps: 10, Kernel: 3, Pad: 1, Activation: "relu", Exchange: true},
		{Name: "pool3", Type: "maxpool", Kernel: 3, Stride: 2},
		{Name: "fc4", Type: "linear", Features: 16, Activation: "relu", Exchange: true},
		{Name: "drop4", Type: "dropout", DropRate: new(0.5)},
		{Name: "fc5", Type: "linear", Exchange: true},
	}}
}

const (
	batch   = 5
	classes = 7
	side    = 27
	crop    = 24
)

// build compiles a training plan of the network on the named devices and sets its initial weights.
func build(t testing.TB, c alexnet.Config, names ...string) (*plan.Plan, *plan.State, *model.Graph) {
	t.Helper()
	devices, err := (&backend.Config{Towers: names}).OpenAll(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.Build(model.Options{Batch: batch, Devices: len(names), Train: true, Classes: classes,
		Height: side, Width: side, Crop: crop, Scale: [3]float64{1. / 64, 1. / 64, 1. / 64}, Mean: []int{3, 1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	state := plan.NewState(devices)
	p, err := plan.Compile(specOf(g), state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range []error{p.Close(), state.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
		for _, d := range devices {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	for _, param := range g.Params {
		whole, at := param.Initial(1), 0
		for i, part := range param.Parts {
			n := part.Rows * (len(whole) / param.Shape[0])
			if err := state.Upload(fmt.Sprintf("%s/%d", param.Name, i), whole[at:at+n]); err != nil {
				t.Fatal(err)
			}
			at += n
		}
	}
	return p, state, g
}

func specOf(g *model.Graph) plan.Spec {
	s := plan.Spec{Name: "train", Graph: g.ExprGraph, Inputs: g.Inputs, Outputs: []plan.Output{{"loss", g.Loss},
		{"errors", g.Errors}}}
	for _, p := range g.Params {
		for i, part := range p.Parts {
			name := fmt.Sprintf("%s/%d", p.Name, i)
			s.Params = append(s.Params, plan.Param{Name: name, Node: part.Node})
			if part.Grad != nil {
				s.Updates = append(s.Updates, plan.Update{Op: op.SGD{Momentum: 0.9, WeightDecay: 5e-4, RateMul: float32(p.Rate)},
					Param: name, Grad: part.Grad})
			}
		}
	}
	return s
}

// inputs are those of a step: random pixels, labels and crops.
func inputs(step uint32) map[string]any {
	r := rng.New(9, rng.Generate, 0, step)
	images := make([]uint8, batch*side*side*3)
	labels := make([]int32, batch)
	draws := make([]float32, batch*op.Draws)
	for i := range images {
		images[i] = uint8(r.Uint32(uint64(i)))
	}
	for i := range labels {
		labels[i] = int32(r.Intn(uint64(1e6+i), classes))
		images[i*side*side*3] = uint8(labels[i])
		for j := range 3 {
			draws[i*op.Draws+j] = float32(r.Intn(uint64(2e6+10*i+j), side-crop+1))
		}
		draws[i*op.Draws+2] = float32(i % 2)
	}
	return map[string]any{model.Images: images, model.Labels: labels, model.Draws: draws,
		model.Mean: []float32{127, 120, 110}, model.Counters: []uint32{1, 0, step, 0}, plan.Rate: []float32{0.01}}
}

func feed(t testing.TB, p *plan.Plan, step uint32) {
	t.Helper()
	for name, host := range inputs(step) {
		if err := p.Upload(name, host); err != nil {
			t.Fatal(err)
		}
	}
}

// losses trains for some steps.
func losses(t testing.TB, p *plan.Plan, steps int) []float64 {
	t.Helper()
	var out []float64
	for s := range steps {
		feed(t, p, uint32(s%3))
		p.Run()
		var loss [1]float32
		if err := p.Download("loss", loss[:]); err != nil {
			t.Fatal(err)
		}
		out = append(out, float64(loss[0]))
	}
	return out
}

// reorderTol allows for fp32 sums in another order: the two placements' convolutions add the same products, but the
// reference rounds only once per sum, so what differs is the addition of the towers' gradients.
const reorderTol = 1e-5

func TestTwoDevicesLearnLikeOne(t *testing.T) {
	one, _, _ := build(t, network(), "reference:0")
	two, _, _ := build(t, network(), "reference:0", "reference:1")
	a, b := losses(t, one, 50), losses(t, two, 50)
	for i := range a {
		if !(math.Abs(a[i]-b[i]) <= reorderTol*a[i]) {
			t.Fatalf("step %d: loss %v on one device, %v on two", i, a[i], b[i])
		}
	}
	if !(a[len(a)-1] < a[0]/2) {
		t.Errorf("loss went from %v to %v, want it to fall below half", a[0], a[len(a)-1])
	}
}
