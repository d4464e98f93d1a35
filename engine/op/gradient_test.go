package op_test

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"duet/engine/op"
)

const (
	// step of the central differences: the cube root of float64's rounding, where their two errors are alike.
	step = 1e-5
	// gradTol bounds the error of central differences of losses near 1 whose third derivatives are near 1: step^2,
	// and the rounding of the loss over the step, 1e-16/1e-5, with room for a hundred.
	gradTol = 1e-9
)

// head makes a loss of any tensor: the flattened features are the scores of as many classes.
func head(t testing.TB, g *gorgonia.ExprGraph, y node) node {
	t.Helper()
	shape := y.Shape()
	if len(shape) == 4 {
		y = apply(t, op.Flatten{}, y)
	}
	labels := make([]int32, shape[0])
	for i := range labels {
		labels[i] = int32(i * 3 % y.Shape()[1])
	}
	return apply(t, op.SoftmaxLoss{}, y, integers(g, "labels", op.Int32, labels, shape[0]))
}

// counters are those of dropout.
func counters(g *gorgonia.ExprGraph) node {
	return integers(g, "counters", op.Uint32, []uint32{1, 2, 3, 0}, 4)
}

// gradients are differentiated with respect to all leaves of real numbers.
var gradients = []struct {
	name  string
	build func(t testing.TB, g *gorgonia.ExprGraph) (loss node, wrt []node)
}{
	{"conv2d", conv(op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1}, 2, 3, 5, 4, 4)},
	{"conv2d with relu", conv(op.Conv2D{Kernel: 3, Stride: 2, Pad: 1, Groups: 2, ReLU: true}, 2, 4, 6, 5, 7)},
	{"conv2d of three groups", conv(op.Conv2D{Kernel: 2, Stride: 3, Pad: 0, Groups: 3}, 1, 6, 3, 7, 8)},
	{"linear", func(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
		in := []node{leaf(g, "x", 3, 5), leaf(g, "w", 4, 5), leaf(g, "b", 4)}
		return head(t, g, apply(t, op.Linear{}, in...)), in
	}},
	{"linear with relu", func(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
		in := []node{leaf(g, "x", 3, 5), leaf(g, "w", 4, 5), leaf(g, "b", 4)}
		return head(t, g, apply(t, op.Linear{ReLU: true}, in...)), in
	}},
	{"softmax_loss", func(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
		z, w := leaf(g, "z", 2, 3), op.Leaf(g, "w", op.Floats(3), true)
		let(w, tensor.New(tensor.WithShape(3), tensor.WithBacking([]float64{0.5, 2, 1.25})))
		labels := integers(g, "labels", op.Int32, []int32{2, 1}, 2)
		return apply(t, op.SoftmaxLoss{Smoothing: 0.25, Weighted: true}, z, labels, w), []node{z}
	}},
	{"relu", unary(op.ReLU{}, 3, 7)},
	{"tanh", unary(op.Tanh{}, 3, 7)},
	{"scale", unary(op.Scale{Factor: 0.5}, 3, 7)},
	{"lrn", unary(op.LRN{N: 5, K: 2, Alpha: 0.5, Beta: 0.75, AlphaOverN: true, Groups: 1}, 2, 7, 2, 3)},
	{"lrn of groups", unary(op.LRN{N: 3, K: 1, Alpha: 1, Beta: 0.5, Groups: 2}, 2, 6, 2, 2)},
	{"max_pool", unary(op.MaxPool{Kernel: 3, Stride: 2}, 2, 2, 5, 7)},
	{"max_pool with pad, up", unary(op.MaxPool{Kernel: 3, Stride: 2, Pad: 1, Ceil: true}, 2, 2, 4, 6)},
	{"avg_pool", unary(op.AvgPool{Kernel: 3, Stride: 2}, 2, 2, 5, 7)},
	{"avg_pool with pad, up", unary(op.AvgPool{Kernel: 3, Stride: 2, Pad: 1, Ceil: true}, 2, 2, 4, 6)},
	{"avg_pool that counts the pad",
		unary(op.AvgPool{Kernel: 3, Stride: 2, Pad: 1, Ceil: true, CountPad: true}, 2, 2, 4, 6)},
	{"flatten", unary(op.Flatten{}, 2, 2, 2, 3)},
	{"slice of the first", unary(op.Slice{First: 0, End: 2}, 2, 5)},
	{"slice of the middle", unary(op.Slice{First: 1, End: 3}, 2, 5)},
	{"slice of the last maps", unary(op.Slice{First: 2, End: 3}, 2, 3, 2, 2)},
	{"send", unary(op.Send{From: 1}, 2, 5)},
	{"dropout", func(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
		x := leaf(g, "x", 3, 9)
		return head(t, g, apply(t, op.Dropout{Rate: 0.5, Inverted: true, Width: 20, First: 5}, x, counters(g))), []node{x}
	}},
	{"concat", func(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
		in := []node{leaf(g, "a", 2, 3), leaf(g, "b", 2, 4)}
		return head(t, g, apply(t, op.Concat{}, in...)), in
	}},
	{"concat of images, a value used twice", func(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
		a := leaf(g, "a", 2, 1, 2, 2)
		r := at(t, op.Place{Layer: "relu"}, op.ReLU{}, a)
		return head(t, g, apply(t, op.Concat{}, r, a)), []node{a}
	}},
	{"two towers", twoTowers},
}

func conv(o op.Conv2D, n, c, maps, h, w int) func(testing.TB, *gorgonia.ExprGraph) (node, []node) {
	return func(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
		in := []node{leaf(g, "x", n, c, h, w), leaf(g, "w", maps, c/o.Groups, o.Kernel, o.Kernel), leaf(g, "b", maps)}
		return head(t, g, apply(t, o, in...)), in
	}
}

func unary(o op.Op, shape ...int) func(testing.TB, *gorgonia.ExprGraph) (node, []node) {
	return func(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
		x := leaf(g, "x", shape...)
		return head(t, g, apply(t, o, x)), []node{x}
	}
}

// twoTowers is a small network on two devices that exchange once.
func twoTowers(t testing.TB, g *gorgonia.ExprGraph) (node, []node) {
	x := leaf(g, "x", 2, 2, 6, 6)
	wrt := []node{x}
	var halves [2]node
	for d := range halves {
		p := op.Place{Device: d, Layer: "conv"}
		w, b := leaf(g, fmt.Sprintf("conv.weight/%d", d), 4, 2, 3, 3), leaf(g, fmt.Sprintf("conv.bias/%d", d), 4)
		wrt = append(wrt, w, b)
		y := at(t, p, op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1, ReLU: true}, x, w, b)
		y = at(t, op.Place{Device: d, Layer: "norm"}, op.LRN{N: 3, K: 2, Alpha: 0.5, Beta: 0.75, Groups: 1}, y)
		halves[d] = at(t, op.Place{Device: d, Layer: "pool"}, op.MaxPool{Kernel: 3, Stride: 2}, y)
	}
	var scores [2]node
	for d := range scores {
		p := op.Place{Device: d, Layer: "fc"}
		whole := make([]node, 2)
		for from, half := range halves {
			if whole[from] = half; from != d {
				whole[from] = at(t, p, op.Send{From: from}, half)
			}
		}
		y := at(t, p, op.Flatten{}, at(t, p, op.Concat{}, whole...))
		w, b := leaf(g, fmt.Sprintf("fc.weight/%d", d), 3, y.Shape()[1]), leaf(g, fmt.Sprintf("fc.bias/%d", d), 3)
		wrt = append(wrt, w, b)
		scores[d] = at(t, p, op.Linear{}, y, w, b)
	}
	p := op.Place{Layer: "loss"}
	return head(t, g, at(t, p, op.Concat{}, scores[0], at(t, p, op.Send{From: 1}, scores[1]))), wrt
}

func TestGradientsAgainstDifferences(t *testing.T) {
	for _, c := range gradients {
		t.Run(c.name, func(t *testing.T) {
			g := gorgonia.NewGraph()
			loss, wrt := c.build(t, g)
			grads, err := gorgonia.Grad(loss, wrt...)
			if err != nil {
				t.Fatal(err)
			}
			symbolic := run(t, g, append(gorgonia.Nodes{loss}, grads...)...)[1:]

			g = gorgonia.NewGraph()
			loss, wrt = c.build(t, g)
			for i, n := range wrt {
				for k, want := range differences(t, g, loss, n) {
					if got := symbolic[i][k]; !(math.Abs(got-want) <= gradTol) {
						t.Fatalf("%v: element %d is %v, by differences %v", n, k, got, want)
					}
				}
			}
		})
	}
}

// differences are the central differences of a loss by every element of a leaf.
func differences(t testing.TB, g *gorgonia.ExprGraph, loss, by node) []float64 {
	t.Helper()
	var value gorgonia.Value
	gorgonia.Read(loss, &value)
	m := gorgonia.NewTapeMachine(g)
	defer m.Close()
	forward := func() float64 {
		m.Reset()
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		return numbersOf(t, value)[0]
	}
	x := by.Value().(*tensor.Dense).Data().([]float64)
	out := make([]float64, len(x))
	for k, was := range x {
		x[k] = was + step
		up := forward()
		x[k] = was - step
		down := forward()
		x[k] = was
		out[k] = (up - down) / (2 * step)
	}
	return out
}
