package plan_test

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"duet/engine/model"
	"duet/engine/op"
	"duet/engine/plan"
)

// oracleTol allows for nothing but the order of gorgonia's own additions: both machines run the reference's kernels.
const oracleTol = 1e-6

// TestAgainstTapeMachine runs the same training graph on gorgonia's own machine and compares loss and gradients.
func TestAgainstTapeMachine(t *testing.T) {
	for _, names := range [][]string{{"reference:0"}, {"reference:0", "reference:1"}} {
		p, state, g := build(t, network(), names...)
		feed(t, p, 5)
		bindInputs(t, g)
		for _, param := range g.Params {
			whole, at := param.Initial(1), 0
			for _, part := range param.Parts {
				n := part.Rows * (len(whole) / param.Shape[0])
				let(t, part.Node, whole[at:at+n])
				at += n
			}
		}
		values := map[string]*gorgonia.Value{}
		keep := func(name string, n *op.Node) {
			values[name] = new(gorgonia.Value)
			gorgonia.Read(n, values[name])
		}
		keep("loss", g.Loss)
		for _, param := range g.Params {
			for i, part := range param.Parts {
				keep(fmt.Sprintf("%s/%d", param.Name, i), part.Grad)
			}
		}
		m := gorgonia.NewTapeMachine(g.ExprGraph)
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		m.Close()

		p.Run()
		var loss [1]float32
		if err := p.Download("loss", loss[:]); err != nil {
			t.Fatal(err)
		}
		compare(t, "loss", loss[:], numbers(t, *values["loss"]))
		for name, v := range values {
			if name == "loss" {
				continue
			}
			// The velocity after the first step, from zero and without the decay, is -rate times the gradient.
			want := numbers(t, *v)
			velocity := make([]float32, len(want))
			if err := state.Download(plan.Momentum(name), velocity); err != nil {
				t.Fatal(err)
			}
			initial := initialOf(g, name)
			for i := range velocity {
				velocity[i] = (-velocity[i] - 5e-4*rateOfTest*initial[i]) / rateOfTest
			}
			compare(t, name, velocity, want)
		}
	}
}

const rateOfTest = 0.01 // what feed uploads

func initialOf(g *model.Graph, name string) []float32 {
	for _, param := range g.Params {
		whole, at := param.Initial(1), 0
		for i, part := range param.Parts {
			n := part.Rows * (len(whole) / param.Shape[0])
			if fmt.Sprintf("%s/%d", param.Name, i) == name {
				return whole[at : at+n]
			}
			at += n
		}
	}
	return nil
}

// compare wants numbers to agree relative to the largest.
func compare(t *testing.T, name string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	largest := 0.
	for _, w := range want {
		largest = max(largest, math.Abs(float64(w)))
	}
	if !(largest > 0) {
		t.Errorf("%s: all numbers are zero, or one is NaN", name)
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= oracleTol*max(1, largest)) {
			t.Errorf("%s[%d] is %v, gorgonia has %v", name, i, got[i], want[i])
			return
		}
	}
}

func numbers(t *testing.T, v gorgonia.Value) []float32 {
	t.Helper()
	switch v := v.(type) {
	case *gorgonia.F32:
		return []float32{float32(*v)}
	case *tensor.Dense:
		switch d := v.Data().(type) {
		case float32:
			return []float32{d}
		case []float32:
			return d
		}
	}
	t.Fatalf("a value of type %T", v)
	return nil
}

// let sets a leaf.
func let(t *testing.T, n *op.Node, data any) {
	t.Helper()
	if err := gorgonia.Let(n, tensor.New(tensor.WithShape(n.Shape()...), tensor.WithBacking(data))); err != nil {
		t.Fatal(err)
	}
}

// bindInputs sets the inputs of the graph to what feed uploads for step 5.
func bindInputs(t *testing.T, g *model.Graph) {
	t.Helper()
	hosts := inputs(5)
	for _, in := range g.Inputs {
		for _, n := range in.Nodes {
			if n != nil {
				let(t, n, hosts[in.Name])
			}
		}
	}
}
