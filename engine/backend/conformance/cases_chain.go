package conformance

import (
	"fmt"

	"duet/engine/op"
)

// chain is a small AlexNet from bytes to updated weights: every layout flows as it does in training.
type chain struct {
	batch, side, maps, groups, hidden, classes int
	stride, kernel                             int
}

func chainCases() []testCase {
	var cases []testCase
	for _, c := range []chain{
		{batch: 2, side: 13, maps: 16, groups: 1, hidden: 17, classes: 5, stride: 1, kernel: 3},
		{batch: 3, side: 11, maps: 6, groups: 2, hidden: 16, classes: 3, stride: 1, kernel: 5},
		{batch: 1, side: 27, maps: 48, groups: 3, hidden: 7, classes: 10, stride: 2, kernel: 5},
		{batch: 5, side: 32, maps: 32, groups: 2, hidden: 48, classes: 10, stride: 1, kernel: 5},
	} {
		cases = append(cases, testCase{name: fmt.Sprintf("chain %+v", c), build: c.build})
	}
	return cases
}

func (c chain) build(n *network) {
	images := n.leaf("images", op.Type{DType: op.Uint8, Shape: []int{c.batch, c.side, c.side, 3}},
		pixels("images", c.batch*c.side*c.side*3))
	draws := make([]float64, c.batch*op.Draws)
	for i := range draws {
		draws[i] = float64(i % 2)
	}
	x := n.apply("augment", op.Augment{Crop: c.side, Scale: [3]float32{1.0 / 64, 1.0 / 64, 1.0 / 64}}, images,
		n.fine("draws", op.Floats(c.batch, op.Draws), draws), n.fine("mean", op.Floats(3, 1, 1), []float64{120, 121.5, 119}))
	rate := n.fine("rate", op.Floats(1), []float64{0.01})
	counters := n.leaf("counters", op.Type{DType: op.Uint32, Shape: []int{4}}, []uint32{1, 2, 3, 0})

	conv1 := op.Conv2D{Kernel: c.kernel, Stride: c.stride, Pad: c.kernel / 2, Groups: 1, ReLU: true}
	w1, b1 := n.parameters("conv1", 3*c.kernel*c.kernel, c.maps, 3, c.kernel, c.kernel)
	y1 := n.apply("conv1", conv1, x, w1, b1)
	norm := op.LRN{N: 5, K: 2, Alpha: 1e-2, Beta: 0.75, AlphaOverN: true, Groups: c.groups}
	n1 := n.applyWith("norm1", norm, op.LRNScale{LRN: norm}, y1)
	pool := op.MaxPool{Kernel: 3, Stride: 2}
	p1 := n.applyWith("pool1", pool, op.MaxPoolArgmax{Pool: pool}, n1[0])
	conv2 := op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: c.groups, ReLU: true}
	fan := c.maps / c.groups * 9
	w2, b2 := n.parameters("conv2", fan, c.maps, c.maps/c.groups, 3, 3)
	y2 := n.apply("conv2", conv2, p1[0], w2, b2)
	flat := n.apply("flatten", op.Flatten{}, y2)
	features := n.values[flat].typ.Shape[1]
	w3, b3 := n.parameters("fc1", features, c.hidden, features)
	y3 := n.apply("fc1", op.Linear{ReLU: true}, flat, w3, b3)
	drop := op.Dropout{Rate: 0.5, Width: c.hidden, Stream: 9}
	d3 := n.apply("drop", drop, y3, counters)
	w4, b4 := n.parameters("fc2", c.hidden, c.classes, c.hidden)
	z := n.apply("fc2", op.Linear{}, d3, w4, b4)
	l := n.leaf("labels", labelType(c.batch), labels(c.classes, c.batch))
	n.apply("loss", op.SoftmaxLoss{}, z, l)

	dz := n.apply("dz", op.SoftmaxLossGrad{}, z, l, n.leaf("dloss", op.Floats(), []float64{1}))
	g4 := n.applyWith("fc2.dw", op.LinearGradWeight{}, op.LinearGradBias{}, d3, dz)
	dd3 := n.apply("fc2.dx", op.LinearGradInput{}, w4, dz)
	dy3 := n.apply("drop.dx", drop, dd3, counters)
	dz3 := n.apply("fc1.dz", op.ReLUGrad{}, y3, dy3)
	g3 := n.applyWith("fc1.dw", op.LinearGradWeight{}, op.LinearGradBias{}, flat, dz3)
	dflat := n.apply("fc1.dx", op.LinearGradInput{}, w3, dz3)
	s := n.values[y2].typ.Shape
	dy2 := n.apply("unflatten", op.Unflatten{C: s[1], H: s[2], W: s[3]}, dflat)
	dz2 := n.apply("conv2.dz", op.ReLUGrad{}, y2, dy2)
	conv2.ReLU = false
	s = n.values[p1[0]].typ.Shape
	g2 := n.applyWith("conv2.dw", op.Conv2DGradWeight{Conv: conv2}, op.Conv2DGradBias{Conv: conv2}, p1[0], dz2)
	dp1 := n.apply("conv2.dx", op.Conv2DGradInput{Conv: conv2, H: s[2], W: s[3]}, w2, dz2)
	s = n.values[n1[0]].typ.Shape
	dn1 := n.apply("pool1.dx", op.MaxPoolGrad{Pool: pool, H: s[2], W: s[3]}, p1[1], dp1)
	dy1 := n.apply("norm1.dx", op.LRNGrad{LRN: norm}, y1, n1[1], dn1)
	dz1 := n.apply("conv1.dz", op.ReLUGrad{}, y1, dy1)
	conv1.ReLU = false
	g1 := n.applyWith("conv1.dw", op.Conv2DGradWeight{Conv: conv1}, op.Conv2DGradBias{Conv: conv1}, x, dz1)
	for i, p := range [][2]id{{w1, b1}, {w2, b2}, {w3, b3}, {w4, b4}} {
		for q, g := range [][]id{g1, g2, g3, g4}[i] {
			t := n.values[p[q]].typ
			name := fmt.Sprintf("parameter %d.%d", i, q)
			v := n.fine(name+"'s momentum", t, make([]float64, t.Len()))
			n.applyWith(name, op.SGD{Momentum: 0.9, WeightDecay: 5e-4, RateMul: 1}, nil, p[q], v, g, rate)
		}
	}
}

// parameters are a weight and a bias.
func (n *network) parameters(layer string, fan int, shape ...int) (w, b id) {
	return n.weight(layer+".weight", fan, shape...), n.leaf(layer+".bias", op.Floats(shape[0]),
		spread(layer+".bias", 0.1, shape[0]))
}
