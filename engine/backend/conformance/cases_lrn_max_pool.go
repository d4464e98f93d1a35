package conformance

import (
	"fmt"

	"duet/engine/op"
)

func lrnMaxPoolCases() []testCase {
	paper, square := op.MaxPool{Kernel: 3, Stride: 2}, op.MaxPool{Kernel: 2, Stride: 2}
	one := op.LRNMaxPool{LRN: op.LRN{N: 3, K: 1, Alpha: 0.5, Beta: 1, Groups: 1}, Pool: square}
	cases := []testCase{{
		// The larger input of the first map stands beside a large one in the second map, which makes it the smaller result.
		name: "lrn_max_pool by hand",
		build: func(n *network) {
			x := n.leaf("x", op.Floats(1, 2, 2, 2), []float64{2, 1, 0, 0, 4, 0, 0, -1})
			outs := n.applyWith("y", one, op.LRNMaxPoolArgmax{LRNMaxPool: one}, x)
			dy := n.leaf("dy", op.Floats(1, 2, 1, 1), []float64{3, 11})
			n.apply("dx", op.LRNMaxPoolGrad{LRNMaxPool: one}, x, outs[1], dy)
		},
		want: map[string]any{
			"y": []float64{1 / 1.5, 4.0 / 11}, "lrn_max_pool_argmax of y": []uint8{1, 0},
			// s = 11, 1.5 and 1.5 at the places of 2 and 4, of 1, and of -1. The first: -2*alpha*beta*2*11*4/11^2.
			"dx": []float64{-8.0 / 11, 3/1.5 - 3/2.25, 0, 0, 1 - 16.0/11, 0, 0, 0},
		},
	}}
	alexnet := op.LRN{N: 5, K: 2, Alpha: 1e-4, Beta: 0.75, AlphaOverN: true}
	strong := op.LRN{N: 5, K: 1, Alpha: 0.5, Beta: 0.75}
	for _, c := range []struct {
		norm       op.LRN
		pool       op.MaxPool
		g          int
		n, c, h, w int
		slow       bool
	}{
		{alexnet, square, 1, 1, 1, 2, 2, false},
		{strong, paper, 1, 2, 7, 5, 7, false},
		{strong, paper, 2, 2, 32, 13, 13, false},
		{alexnet, paper, 1, 1, 19, 27, 31, false},
		{strong, paper, 3, 1, 9, 34, 17, false},
		{strong, op.MaxPool{Kernel: 3, Stride: 2, Ceil: true}, 1, 3, 6, 6, 8, false},
		{strong, op.MaxPool{Kernel: 3, Stride: 2, Pad: 1}, 1, 1, 11, 12, 9, false},
		{strong, op.MaxPool{Kernel: 5, Stride: 3, Pad: 2}, 2, 1, 38, 11, 11, false},
		{op.LRN{N: 3, K: 1, Alpha: 1, Beta: 0.5}, square, 1, 2, 5, 17, 4, false},
		{op.LRN{N: 7, K: 2, Alpha: 0.3, Beta: 1}, paper, 1, 1, 6, 9, 3, false},
		{op.LRN{N: 9, K: 1, Alpha: 0.1, Beta: 0.75, AlphaOverN: true}, op.MaxPool{Kernel: 4, Stride: 4}, 1, 2, 21, 8, 16,
			false},
		// Maps that kernels take four or eight at a time, or cannot: of all groups, or of one.
		{strong, paper, 1, 2, 8, 7, 9, false},
		{strong, paper, 1, 1, 4, 19, 16, false},
		{strong, paper, 1, 2, 12, 9, 7, false},
		{strong, paper, 2, 2, 8, 9, 7, false},
		{strong, paper, 2, 1, 20, 9, 7, false},
		{strong, paper, 2, 1, 24, 17, 33, false},
		{strong, op.MaxPool{Kernel: 3, Stride: 2, Ceil: true}, 1, 2, 16, 6, 8, false},
		{strong, op.MaxPool{Kernel: 3, Stride: 2, Pad: 1}, 2, 1, 16, 12, 9, false},
		{strong, op.MaxPool{Kernel: 5, Stride: 3, Pad: 2}, 1, 1, 40, 19, 25, false},
		{strong, square, 3, 1, 24, 17, 4, false},
		{op.LRN{N: 3, K: 1, Alpha: 1, Beta: 0.5}, paper, 1, 2, 16, 7, 7, false},
		{op.LRN{N: 7, K: 2, Alpha: 0.3, Beta: 1}, paper, 2, 1, 16, 9, 7, false},
		{op.LRN{N: 9, K: 1, Alpha: 0.1, Beta: 0.75, AlphaOverN: true}, paper, 3, 1, 24, 9, 7, false},
		// Windows that hold as many places as one may, and more maps than threads of a block.
		{strong, op.MaxPool{Kernel: 16, Stride: 9, Pad: 4}, 1, 1, 48, 20, 27, false},
		{strong, paper, 1, 1, 131, 7, 5, false},
		{strong, paper, 3, 1, 3 * 344, 5, 7, false},
		{op.LRN{N: 9, K: 1, Alpha: 0.1, Beta: 0.5}, square, 1, 1, 1048, 4, 6, false},
		{strong, paper, 1, 5, 4, 512, 512, true}, // many places
		// with so small an alpha as AlexNet's, results would differ by less than rounding
		{strong, paper, 2, 2, 96, 55, 55, true},
		{strong, paper, 1, 2, 128, 27, 27, true},
	} {
		o := op.LRNMaxPool{LRN: c.norm, Pool: c.pool}
		o.LRN.Groups = c.g
		cases = append(cases, testCase{
			name: fmt.Sprintf("lrn_max_pool %+v %+v of %dx%dx%dx%d", o.LRN, o.Pool, c.n, c.c, c.h, c.w), slow: c.slow,
			build: func(n *network) {
				x := n.random("x", c.n, c.c, c.h, c.w)
				outs := n.applyWith("y", o, op.LRNMaxPoolArgmax{LRNMaxPool: o}, x)
				dy := n.random("dy", n.values[outs[0]].typ.Shape...)
				n.apply("dx", op.LRNMaxPoolGrad{LRNMaxPool: o}, x, outs[1], dy)
				n.apply("dz", op.LRNMaxPoolGrad{LRNMaxPool: o, ReLU: true}, x, outs[1], dy)
			},
		})
	}
	return cases
}
