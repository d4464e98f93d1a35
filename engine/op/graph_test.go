package op_test

import (
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	_ "duet/engine/backend/reference" // computes the operations on gorgonia's TapeMachine
	"duet/engine/op"
	"duet/internal/rng"
)

type node = *op.Node

// leaf makes a float64 leaf with normal numbers of its name's stream.
func leaf(g *gorgonia.ExprGraph, name string, shape ...int) node {
	n := op.Leaf(g, name, op.Floats(shape...), true)
	stream := rng.New(1, rng.Generate, rng.StreamOf(name), 0)
	data := make([]float64, op.Floats(shape...).Len())
	for i := range data {
		data[i] = stream.Normal(uint64(i))
	}
	let(n, tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data)))
	return n
}

// integers makes a leaf of the type of its data, a slice.
func integers(g *gorgonia.ExprGraph, name string, dtype op.DType, data any, shape ...int) node {
	n := op.Leaf(g, name, op.Type{DType: dtype, Shape: shape}, true)
	let(n, tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data)))
	return n
}

func let(n node, v gorgonia.Value) {
	if err := gorgonia.Let(n, v); err != nil {
		panic(err)
	}
}

func apply(t testing.TB, o op.Op, in ...node) node {
	t.Helper()
	return at(t, op.Place{Layer: "layer"}, o, in...)
}

func at(t testing.TB, p op.Place, o op.Op, in ...node) node {
	t.Helper()
	n, err := op.Apply(o, p, in...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// run computes a graph on gorgonia's TapeMachine and gives the values of some nodes, which must be watched before.
func run(t testing.TB, g *gorgonia.ExprGraph, nodes ...node) [][]float64 {
	t.Helper()
	values := make([]gorgonia.Value, len(nodes))
	for i, n := range nodes {
		gorgonia.Read(n, &values[i])
	}
	m := gorgonia.NewTapeMachine(g)
	defer m.Close()
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, len(values))
	for i, v := range values {
		out[i] = numbersOf(t, v)
	}
	return out
}

func numbersOf(t testing.TB, v gorgonia.Value) []float64 {
	t.Helper()
	switch v := v.(type) {
	case *gorgonia.F64:
		return []float64{float64(*v)}
	case *gorgonia.F32:
		return []float64{float64(*v)}
	case *tensor.Dense:
		switch data := v.Data().(type) {
		case []float64:
			return append([]float64(nil), data...)
		case []float32:
			out := make([]float64, len(data))
			for i, x := range data {
				out[i] = float64(x)
			}
			return out
		case []uint8:
			out := make([]float64, len(data))
			for i, x := range data {
				out[i] = float64(x)
			}
			return out
		}
	}
	t.Fatalf("no numbers in a %T", v)
	return nil
}

// count asserts how many nodes a graph has.
func count(t testing.TB, g *gorgonia.ExprGraph, want int) {
	t.Helper()
	if got := g.AllNodes().Len(); got != want {
		t.Errorf("the graph has %d nodes, want %d: %v", got, want, g.AllNodes())
	}
}

func TestOperationsMergeOnlyWhenTheyAreTheSame(t *testing.T) {
	conv := op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1}
	same := op.Place{Device: 0, Layer: "conv1"}
	other := conv
	other.ReLU = true
	for _, c := range []struct {
		name  string
		o     op.Op
		p     op.Place
		nodes int
	}{
		{"the same", conv, same, 4},
		{"another layer", conv, op.Place{Device: 0, Layer: "conv2"}, 5},
		{"another device", conv, op.Place{Device: 1, Layer: "conv1"}, 5},
		{"another attribute", other, same, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gorgonia.NewGraph()
			x, w, b := leaf(g, "x", 2, 3, 5, 5), leaf(g, "w", 3, 3, 3, 3), leaf(g, "b", 3)
			at(t, same, conv, x, w, b)
			at(t, c.p, c.o, x, w, b)
			count(t, g, c.nodes)
		})
	}
}

func TestEveryAttributeIsInTheHash(t *testing.T) {
	g := gorgonia.NewGraph()
	x := leaf(g, "x", 2, 6)
	counters := integers(g, "counters", op.Uint32, []uint32{1, 0, 2, 0}, 4)
	base := op.Dropout{Rate: 0.5, Width: 12}
	for i, o := range []op.Dropout{
		base,
		{Rate: 0.25, Width: 12}, {Rate: 0.5, Inverted: true, Width: 12}, {Rate: 0.5, Width: 13},
		{Rate: 0.5, Width: 12, First: 1}, {Rate: 0.5, Width: 12, Stream: 1},
	} {
		apply(t, o, x, counters)
		count(t, g, 3+i)
	}
	apply(t, base, x, counters)
	count(t, g, 8)
}

func TestLeavesOfOneNameAndTypeMerge(t *testing.T) {
	g := gorgonia.NewGraph()
	op.Leaf(g, "w/0", op.Floats(2, 3), false)
	op.Leaf(g, "w/1", op.Floats(2, 3), false)
	count(t, g, 2)
	op.Leaf(g, "w/0", op.Floats(2, 3), false) // why names must be unique
	count(t, g, 2)
}

func TestLeavesOfEveryType(t *testing.T) {
	for _, typ := range []op.Type{
		op.Floats(), op.Floats(1), op.Floats(2, 3), {DType: op.Uint8, Shape: []int{1, 2, 2, 3}},
		{DType: op.Int32, Shape: []int{3}}, {DType: op.Int32, Shape: []int{1}}, {DType: op.Uint32, Shape: []int{4}},
	} {
		for _, wide := range []bool{false, true} {
			got, err := op.TypeOf(op.Leaf(gorgonia.NewGraph(), "leaf", typ, wide))
			if err != nil || !got.Equal(typ) {
				t.Errorf("leaf of %v has type %v, %v", typ, got, err)
			}
		}
	}
}

// TestIntegersOnTapeMachine runs the operations that take bytes, labels and counters.
func TestIntegersOnTapeMachine(t *testing.T) {
	g := gorgonia.NewGraph()
	images := integers(g, "images", op.Uint8, []uint8{10, 20, 30, 40, 50, 60}, 1, 1, 2, 3)
	draws, mean := op.Leaf(g, "draws", op.Floats(1, 6), true), op.Leaf(g, "mean", op.Floats(3, 1, 1), true)
	let(draws, tensor.New(tensor.WithShape(1, 6), tensor.WithBacking([]float64{0, 1, 0, 0, 0, 0})))
	let(mean, tensor.New(tensor.WithShape(3, 1, 1), tensor.WithBacking([]float64{0, 0, 0})))
	x := apply(t, op.Augment{Crop: 1, Scale: [3]float32{1, 1, 1}}, images, draws, mean)
	z := apply(t, op.Flatten{}, x)
	counters := integers(g, "counters", op.Uint32, []uint32{1, 0, 2, 0}, 4)
	kept := apply(t, op.Dropout{Width: 3}, z, counters)
	labels := integers(g, "labels", op.Int32, []int32{0}, 1)
	loss := apply(t, op.SoftmaxLoss{}, kept, labels)
	errors := apply(t, op.TopErrors{}, kept, labels)
	got := run(t, g, kept, loss, errors)
	for i, want := range []float64{40, 50, 60} {
		if got[0][i] != want {
			t.Errorf("channel %d is %v, want %v", i, got[0][i], want)
		}
	}
	if !(got[1][0] >= 20 && got[1][0] <= 20.0001) || got[2][0] != 1 {
		t.Errorf("loss %v and errors %v, want a little over 20, and 1", got[1], got[2])
	}
}

// TestFloat32OnTapeMachine runs what a training graph is made of.
func TestFloat32OnTapeMachine(t *testing.T) {
	g := gorgonia.NewGraph()
	x := op.Leaf(g, "x", op.Floats(1, 2), false)
	let(x, tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float32{1, 1})))
	labels := integers(g, "labels", op.Int32, []int32{1}, 1)
	loss := apply(t, op.SoftmaxLoss{}, x, labels)
	grads, err := gorgonia.Grad(loss, x)
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, g, loss, grads[0])
	if !(got[0][0] > 0.6931 && got[0][0] < 0.6932) || got[1][0] != 0.5 || got[1][1] != -0.5 {
		t.Errorf("loss %v, gradient %v", got[0], got[1])
	}
}
