package conformance

import (
	"fmt"

	"duet/engine/op"
)

func poolCases() []testCase {
	three := op.MaxPool{Kernel: 3, Stride: 2}
	cases := []testCase{{
		name: "max_pool by hand",
		build: func(n *network) {
			x := n.leaf("x", op.Floats(1, 1, 3, 5), []float64{
				1, 2, 3, 2, 1,
				0, 9, 3, 9, 0,
				-1, -2, 3, 3, 4,
			})
			outs := n.applyWith("y", three, op.MaxPoolArgmax{Pool: three}, x)
			dy := n.leaf("dy", op.Floats(1, 1, 1, 2), []float64{5, 7})
			n.apply("dx", op.MaxPoolGrad{Pool: three, H: 3, W: 5}, outs[1], dy)
		},
		want: map[string]any{
			"y": []float64{9, 9}, "max_pool_argmax of y": []uint8{4, 4},
			"dx": []float64{0, 0, 0, 0, 0, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0},
		},
	}, {
		name: "max_pool: one place wins two windows, the first of equals wins",
		build: func(n *network) {
			x := n.leaf("x", op.Floats(1, 1, 1, 5), []float64{1, 1, 8, 8, 1})
			o := op.MaxPool{Kernel: 3, Stride: 2, Pad: 1}
			outs := n.applyWith("y", o, op.MaxPoolArgmax{Pool: o}, x)
			dy := n.leaf("dy", op.Floats(1, 1, 1, 3), []float64{1, 2, 4})
			n.apply("dx", op.MaxPoolGrad{Pool: o, H: 1, W: 5}, outs[1], dy)
		},
		want: map[string]any{
			"y": []float64{1, 8, 8}, "max_pool_argmax of y": []uint8{4, 4, 3},
			"dx": []float64{1, 0, 2, 4, 0},
		},
	}, {
		name: "max_pool of negative numbers in the padding's reach",
		build: func(n *network) {
			n.apply("y", op.MaxPool{Kernel: 2, Stride: 2, Pad: 1}, n.leaf("x", op.Floats(1, 1, 2, 2), []float64{-4, -3, -2, -1}))
		},
		want: map[string]any{"y": []float64{-4, -3, -2, -1}},
	}, {
		name: "max_pool rounded up",
		build: func(n *network) {
			n.apply("y", op.MaxPool{Kernel: 2, Stride: 2, Ceil: true},
				n.leaf("x", op.Floats(1, 1, 1+2, 3), []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}))
		},
		want: map[string]any{"y": []float64{5, 6, 8, 9}},
	}}
	for _, c := range []struct {
		n, c, h, w, k, s, p int
		ceil, slow          bool
	}{
		{1, 1, 1, 1, 1, 1, 0, false, false},
		{2, 3, 5, 7, 3, 2, 0, false, false},
		{2, 3, 5, 7, 3, 2, 0, true, false},
		{3, 5, 6, 8, 3, 2, 0, true, false},
		{1, 7, 11, 11, 3, 2, 1, false, false},
		{2, 16, 13, 13, 3, 2, 0, false, false},
		{2, 17, 27, 27, 2, 2, 0, false, false},
		{1, 48, 11, 11, 5, 3, 2, false, false},
		{5, 1, 7, 5, 3, 3, 1, true, false},
		{2, 16, 9, 9, 2, 3, 0, false, false},
		{1, 3, 13, 17, 11, 1, 2, false, false},
		{2, 16, 32, 32, 3, 2, 0, true, false},
		{2, 8, 9, 7, 3, 2, 0, false, false}, // maps that kernels take four or eight at a time, or cannot
		{3, 4, 7, 8, 3, 2, 0, true, false},
		{2, 12, 8, 9, 3, 2, 0, false, false},
		{2, 20, 7, 9, 3, 2, 1, true, false},
		{1, 24, 11, 7, 4, 2, 1, false, false},
		{2, 96, 55, 55, 3, 2, 0, false, true},
		{2, 128, 27, 27, 3, 2, 0, false, true},
		{2, 256, 13, 13, 3, 2, 0, false, true},
	} {
		cases = append(cases, testCase{name: fmt.Sprintf("max_pool %+v", c), slow: c.slow, build: func(n *network) {
			o := op.MaxPool{Kernel: c.k, Stride: c.s, Pad: c.p, Ceil: c.ceil}
			outs := n.applyWith("y", o, op.MaxPoolArgmax{Pool: o}, n.random("x", c.n, c.c, c.h, c.w))
			dy := n.random("dy", n.values[outs[0]].typ.Shape...)
			n.apply("dx", op.MaxPoolGrad{Pool: o, H: c.h, W: c.w}, outs[1], dy)
		}})
	}
	for _, c := range []struct{ n, c, h, w, k, s, p int }{
		{2, 16, 9, 7, 3, 2, 0}, {3, 5, 6, 8, 2, 2, 0}, {1, 24, 11, 11, 5, 3, 2}, {2, 8, 3, 3, 3, 2, 0},
	} {
		cases = append(cases, testCase{name: fmt.Sprintf("max_pool, flattened %+v", c), build: func(n *network) {
			o := op.MaxPool{Kernel: c.k, Stride: c.s, Pad: c.p}
			outs := n.applyWith("pooled", o, op.MaxPoolArgmax{Pool: o}, n.random("x", c.n, c.c, c.h, c.w))
			flat := n.apply("flat", op.Flatten{}, outs[0])
			y := n.values[outs[0]].typ.Shape
			dy := n.apply("dy", op.Unflatten{C: y[1], H: y[2], W: y[3]},
				n.random("dflat", n.values[flat].typ.Shape...))
			n.apply("dx", op.MaxPoolGrad{Pool: o, H: c.h, W: c.w}, outs[1], dy)
		}})
	}
	return cases
}
