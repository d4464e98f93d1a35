package conformance

import "duet/engine/op"

// companionCases are companions on their own, for backends that have them so.
func companionCases() []testCase {
	conv := op.Conv2D{Kernel: 3, Stride: 2, Pad: 1, Groups: 2}
	norm := op.LRN{N: 5, K: 1, Alpha: 0.5, Beta: 0.75, Groups: 2}
	pool := op.MaxPool{Kernel: 3, Stride: 2, Pad: 1, Ceil: true}
	both, update := op.LRNMaxPool{LRN: norm, Pool: pool}, op.SGD{RateMul: 1}
	return []testCase{
		{name: "conv2d_grad_bias alone", build: func(n *network) {
			n.apply("db", op.Conv2DGradBias{Conv: conv}, n.random("x", 3, 6, 7, 5), n.random("dz", 3, 10, 4, 3))
		}},
		{name: "linear_grad_bias alone", build: func(n *network) {
			n.apply("db", op.LinearGradBias{}, n.random("x", 5, 7), n.random("dz", 5, 17))
		}},
		{name: "lrn_scale alone", build: func(n *network) {
			n.apply("s", op.LRNScale{LRN: norm}, n.random("x", 2, 14, 5, 7))
		}},
		{name: "max_pool_argmax alone", build: func(n *network) {
			n.apply("at", op.MaxPoolArgmax{Pool: pool}, n.random("x", 2, 3, 8, 7))
		}},
		{name: "lrn_max_pool_argmax alone", build: func(n *network) {
			n.apply("at", op.LRNMaxPoolArgmax{LRNMaxPool: both}, n.random("x", 2, 6, 8, 7))
		}},
		{name: "gradient_peak alone", build: func(n *network) {
			w, v, g, rate := n.random("w", 7), n.random("v", 7), n.random("g", 7), n.random("rate", 1)
			n.apply("peak", op.GradientPeak{SGD: update}, w, v, g, rate)
		}},
	}
}
