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
	// The peak, wherever in the gradient it lies: in whichever thread, warp and block of a GPU, or past the last whole
	// four.
	for _, c := range []struct{ n, at int }{
		{1031, 0}, {1031, 3}, {1031, 4}, {1031, 127}, {1031, 128}, {1031, 500}, {1031, 895}, {1031, 896}, {1031, 1023},
		{1031, 1027}, {1031, 1028}, {1031, 1030}, {6149, 0}, {6149, 2047}, {6149, 2048}, {6149, 5000}, {6149, 6143},
		{6149, 6147}, {6149, 6148},
	} {
		n, at := c.n, c.at
		cases = append(cases, testCase{name: fmt.Sprintf("gradient peak at %d of %d", at, n), build: func(net *network) {
			o, t := op.SGD{Momentum: 0.5, WeightDecay: 0.5, RateMul: 1}, op.Floats(n)
			g := spread("g", 1, n)
			g[at] = -8 // a magnitude
			net.applyWith("w'", o, op.GradientPeak{SGD: o}, net.fine("w", t, spread("w", 1, n)),
				net.fine("v", t, spread("v", 0.01, n)), net.leaf("g", t, g), net.fine("rate", op.Floats(1), []float64{0.01}))
		}, want: map[string]any{"gradient_peak of w'": []float64{8}}})
	}
	cases = append(cases, testCase{name: "gradient peak of nothing", build: func(net *network) {
		o, t := op.SGD{Momentum: 0.5, RateMul: 1}, op.Floats(33)
		net.applyWith("w'", o, op.GradientPeak{SGD: o}, net.fine("w", t, spread("w", 1, 33)),
			net.fine("v", t, spread("v", 1, 33)), net.leaf("g", t, make([]float64, 33)),
			net.fine("rate", op.Floats(1), []float64{0.01}))
	}, want: map[string]any{"gradient_peak of w'": []float64{0}}})
	for _, c := range []struct{ features, from int }{{1, 1}, {5, 13}, {65, 130}, {64, 48}} {
		cases = append(cases, testCase{name: fmt.Sprintf("sgd, then fully connected %+v", c), build: func(n *network) {
			n.updated(op.Linear{}, n.leaf("x", op.Floats(3, c.from), eighths("x", 3*c.from)), c.features, c.from)
		}})
	}
	for _, c := range []struct{ maps, from, kernel int }{{1, 1, 1}, {5, 3, 3}, {16, 8, 3}, {17, 7, 5}} {
		cases = append(cases, testCase{name: fmt.Sprintf("sgd, then convolution %+v", c), build: func(n *network) {
			o := op.Conv2D{Kernel: c.kernel, Stride: 1, Pad: c.kernel / 2, Groups: 1}
			n.updated(o, n.leaf("x", op.Floats(2, c.from, 6, 6), eighths("x", 2*c.from*36)), c.maps, c.from, c.kernel, c.kernel)
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

// updated is a layer before and after an update of its weight, which a device may keep in a second precision: then the
// layer reads another copy than the update. All numbers are eighths below 4, which every precision holds.
func (n *network) updated(o op.Op, x id, shape ...int) {
	t := op.Floats(shape...)
	w := n.leaf("w", t, eighths("w", t.Len()))
	b := n.leaf("b", op.Floats(shape[0]), eighths("b", shape[0]))
	n.apply("before", o, x, w, b)
	update := op.SGD{Momentum: 0.5, RateMul: 2}
	moved := n.applyWith("w'", update, nil, w, n.fine("v", t, make([]float64, t.Len())),
		n.leaf("g", t, eighths("g", t.Len())), n.fine("rate", op.Floats(1), []float64{0.5}))
	n.apply("after", o, x, moved[0], b)
}

// eighths are multiples of 1/8 from -1 to 1, different for every name.
func eighths(name string, count int) []float64 {
	data := make([]float64, count)
	for i, p := range pixels(name, count) {
		data[i] = float64(int(p)%17-8) / 8
	}
	return data
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
