package conformance

import (
	"fmt"

	"duet/engine/op"
)

func sgdCases() []testCase {
	cases := []testCase{{
		name: "sgd by hand",
		build: func(n *network) {
			w := n.fine("w", op.Floats(2), []float64{1, -2})
			v := n.fine("v", op.Floats(2), []float64{0.5, 1})
			g := n.leaf("g", op.Floats(2), []float64{2, -1})
			rate := n.fine("rate", op.Floats(1), []float64{0.25})
			n.applyWith("w'", op.SGD{Momentum: 0.5, WeightDecay: 0.5, RateMul: 2}, nil, w, v, g, rate)
		},
		want: map[string]any{"w'": []float64{0, -0.5}, "w''s velocity": []float64{-1, 1.5}},
	}}
	for _, shape := range [][]int{{1}, {17}, {1000}, {16, 3, 3, 3}, {48, 16, 5, 5}, {17, 7, 2, 2}, {33, 255}} {
		cases = append(cases, testCase{name: fmt.Sprintf("sgd %v", shape), build: func(n *network) {
			t := op.Floats(shape...)
			w := n.fine("w", t, spread("w", 1, t.Len()))
			v := n.fine("v", t, spread("v", 0.01, t.Len()))
			rate := n.fine("rate", op.Floats(1), []float64{0.01})
			n.applyWith("w'", op.SGD{Momentum: 0.9, WeightDecay: 5e-4, RateMul: 1}, nil, w, v, n.random("g", shape...), rate)
		}})
	}
	// The weight of a layer, with its gradient in whatever layout the layer's kernels like.
	cases = append(cases, testCase{name: "sgd of a convolution's weight", build: func(n *network) {
		o := op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 2}
		x := n.random("x", 2, 34, 7, 7)
		w, b := n.parameters("conv", 17*9, 32, 17, 3, 3)
		n.fromWeights(o, op.Conv2DGradWeight{Conv: o}, op.Conv2DGradBias{Conv: o}, x, w, b)
	}}, testCase{name: "sgd of a fully connected layer's weight", build: func(n *network) {
		x := n.random("x", 3, 130)
		w, b := n.parameters("fc", 130, 65, 130)
		n.fromWeights(op.Linear{}, op.LinearGradWeight{}, op.LinearGradBias{}, x, w, b)
	}})
	return cases
}

// fromWeights is a layer's forward operation, the gradients of its weight and bias, and their update.
func (n *network) fromWeights(o, gradWeight, gradBias op.Op, x, w, b id) {
	y := n.apply("y", o, x, w, b)
	grads := n.applyWith("dw", gradWeight, gradBias, x, n.random("dz", n.values[y].typ.Shape...))
	rate := n.fine("rate", op.Floats(1), []float64{0.01})
	for i, p := range []id{w, b} {
		t := n.values[p].typ
		v := n.fine([]string{"weight", "bias"}[i]+"'s momentum", t, spread("v", 0.01, t.Len()))
		n.applyWith([]string{"w'", "b'"}[i], op.SGD{Momentum: 0.9, WeightDecay: 5e-4, RateMul: 1}, nil, p, v, grads[i], rate)
	}
}
