package conformance

import (
	"fmt"
	"math"

	"duet/engine/op"
)

func lrnCases() []testCase {
	one := op.LRN{N: 3, K: 1, Alpha: 0.5, Beta: 1, Groups: 1}
	cases := []testCase{{
		name: "lrn by hand",
		build: func(n *network) {
			x := n.leaf("x", op.Floats(1, 3, 1, 1), []float64{1, 2, 4})
			n.applyWith("y", one, op.LRNScale{LRN: one}, x)
		},
		want: map[string]any{"y": []float64{1 / 3.5, 2 / 11.5, 4.0 / 11}, "lrn_scale of y": []float64{3.5, 11.5, 11}},
	}, {
		name: "lrn of groups is lrn of each",
		build: func(n *network) {
			o := one
			o.Groups = 3
			n.apply("y", o, n.leaf("x", op.Floats(1, 3, 1, 1), []float64{1, 2, 4}))
		},
		want: map[string]any{"y": []float64{1 / 1.5, 2.0 / 3, 4.0 / 9}},
	}, {
		name: "lrn of zeros and of large numbers",
		build: func(n *network) {
			o := op.LRN{N: 5, K: 2, Alpha: 1e-4, Beta: 0.75, AlphaOverN: true, Groups: 1}
			x := make([]float64, 8)
			x[5] = 1024
			n.apply("y", o, n.leaf("x", op.Floats(1, 8, 1, 1), x))
		},
		want: map[string]any{"y": []float64{0, 0, 0, 0, 0, 1024 * math.Pow(2+float64(float32(1e-4))/5*1024*1024, -0.75), 0,
			0}},
	}}
	alexnet := op.LRN{N: 5, K: 2, Alpha: 1e-4, Beta: 0.75, AlphaOverN: true}
	strong := op.LRN{N: 5, K: 1, Alpha: 0.5, Beta: 0.75}
	for _, c := range []struct {
		o          op.LRN
		g          int
		n, c, h, w int
		slow       bool
	}{
		{alexnet, 1, 1, 1, 1, 1, false},
		{alexnet, 1, 2, 7, 5, 7, false},
		{alexnet, 2, 2, 32, 13, 13, false},
		{strong, 1, 3, 17, 5, 7, false},
		{strong, 1, 1, 16, 11, 11, false},
		{strong, 2, 2, 10, 1, 3, false},
		{strong, 3, 2, 48, 3, 5, false},
		{op.LRN{N: 3, K: 1, Alpha: 1, Beta: 0.5}, 1, 2, 5, 3, 3, false},
		{op.LRN{N: 1, K: 2, Alpha: 1, Beta: 1}, 1, 1, 16, 3, 3, false},
		{op.LRN{N: 9, K: 1, Alpha: 0.1, Beta: 0.75, AlphaOverN: true}, 1, 2, 6, 3, 2, false},
		{op.LRN{N: 1, K: 1, Alpha: 0.5, Beta: 0.75}, 1, 1, 1, 1, 1, false}, // one map of one place
		{op.LRN{N: 1, K: 1, Alpha: 0.5, Beta: 0.75}, 2, 3, 2, 1, 1, false},
		{op.LRN{N: 5, K: 1, Alpha: 0.5, Beta: 0.75}, 4, 1, 4, 1, 1, false},
		{op.LRN{N: 1, K: 1, Alpha: 0.5, Beta: 0.75}, 1, 2, 1, 3, 3, false},
		// Windows far wider than the maps, whose width must cost neither time nor memory, and divides alpha all the same.
		{op.LRN{N: 1<<31 + 1, K: 1, Alpha: 0.5, Beta: 0.75}, 1, 2, 5, 3, 2, false},
		{op.LRN{N: 1<<30 + 1, K: 1, Alpha: 1 << 29, Beta: 0.75, AlphaOverN: true}, 3, 2, 48, 3, 5, false},
		{op.LRN{N: 11, K: 1, Alpha: 0.5, Beta: 0.75}, 2, 2, 12, 3, 3, false}, // all of a group from anywhere
		// Maps that kernels take four or eight at a time, or cannot: of all groups, or of one.
		{strong, 1, 2, 8, 3, 5, false},
		{strong, 1, 3, 4, 5, 3, false},
		{strong, 1, 2, 12, 3, 3, false},
		{strong, 2, 2, 8, 3, 3, false},
		{strong, 2, 1, 20, 3, 3, false},
		{strong, 2, 2, 24, 3, 3, false},
		{op.LRN{N: 3, K: 1, Alpha: 0.5, Beta: 0.75}, 2, 1, 16, 3, 5, false},
		{op.LRN{N: 7, K: 2, Alpha: 0.3, Beta: 1}, 1, 2, 16, 3, 5, false},
		{op.LRN{N: 9, K: 1, Alpha: 0.1, Beta: 0.75, AlphaOverN: true}, 3, 1, 24, 5, 3, false},
		{alexnet, 2, 2, 96, 55, 55, true},
		{alexnet, 1, 2, 128, 27, 27, true},
	} {
		o := c.o
		o.Groups = c.g
		cases = append(cases, testCase{name: fmt.Sprintf("lrn %+v of %dx%dx%dx%d", o, c.n, c.c, c.h, c.w), slow: c.slow,
			build: func(n *network) {
				x := n.random("x", c.n, c.c, c.h, c.w)
				outs := n.applyWith("y", o, op.LRNScale{LRN: o}, x)
				n.apply("dx", op.LRNGrad{LRN: o}, x, outs[1], n.random("dy", c.n, c.c, c.h, c.w))
			}})
	}
	return cases
}
