package conformance

import (
	"fmt"

	"duet/engine/op"
)

func avgPoolCases() []testCase {
	// Windows of 3 of stride 2 over 4 and a pad of 1, rounded up: they begin at -1, 1 and 3, and the last one has one
	// place inside, one of the padding and one beyond it.
	row := func(countPad bool) func(n *network) {
		return func(n *network) {
			o := op.AvgPool{Kernel: 3, Stride: 2, Pad: 1, Ceil: true, CountPad: countPad}
			n.apply("y", o, n.leaf("x", op.Floats(1, 1, 1, 4), []float64{6, 12, 18, 24}))
			dy := n.leaf("dy", op.Floats(1, 1, 1, 3), []float64{18, 36, 54})
			n.apply("dx", op.AvgPoolGrad{Pool: o, H: 1, W: 4}, dy)
		}
	}
	cases := []testCase{{
		name: "avg_pool by hand",
		build: func(n *network) {
			o := op.AvgPool{Kernel: 2, Stride: 1}
			n.apply("y", o, n.leaf("x", op.Floats(1, 1, 2, 3), []float64{1, 2, 3, -5, 10, -8}))
			n.apply("dx", op.AvgPoolGrad{Pool: o, H: 2, W: 3}, n.leaf("dy", op.Floats(1, 1, 1, 2), []float64{4, 8}))
		},
		want: map[string]any{"y": []float64{2, 1.75}, "dx": []float64{1, 3, 2, 1, 3, 2}},
	}, {
		name: "avg_pool by hand: places inside", build: row(false),
		want: map[string]any{"y": []float64{9, 18, 24}, "dx": []float64{9, 21, 12, 66}},
	}, { // rows have 3 places, 1 of them inside
		name: "avg_pool by hand: places of the padding too", build: row(true),
		want: map[string]any{"y": []float64{2, 6, 4}, "dx": []float64{2, 6, 4, 13}},
	}}
	for _, c := range []struct {
		n, c, h, w, k, s, p  int
		ceil, countPad, slow bool
	}{
		{1, 1, 1, 1, 1, 1, 0, false, false, false},
		{1, 1, 1, 1, 3, 1, 2, false, false, false},
		{1, 1, 1, 1, 3, 1, 2, false, true, false},
		{2, 3, 5, 7, 3, 2, 0, false, false, false},
		{2, 3, 5, 7, 3, 2, 0, true, false, false},
		{3, 5, 6, 8, 3, 2, 0, true, true, false},
		{1, 7, 11, 11, 3, 2, 1, false, true, false},
		{2, 16, 13, 13, 13, 1, 0, false, false, false}, // all of a map
		{2, 17, 27, 27, 2, 2, 0, false, false, false},
		{1, 48, 11, 11, 5, 3, 2, false, false, false},
		{1, 48, 11, 11, 5, 3, 4, true, true, false},
		{5, 1, 7, 5, 3, 3, 1, true, false, false},
		{5, 1, 7, 5, 3, 3, 1, true, true, false},
		{2, 16, 9, 9, 2, 3, 0, false, false, false}, // places between the windows
		{1, 3, 13, 17, 11, 1, 2, false, true, false},
		{1, 2, 24, 26, 20, 3, 5, true, false, false}, // more places than a max pooling may have
		{2, 16, 32, 32, 3, 2, 0, true, false, false},
		{2, 8, 9, 7, 3, 2, 1, false, false, false}, // maps that kernels take four or eight at a time, or cannot
		{3, 4, 7, 8, 3, 2, 1, true, true, false},
		{2, 12, 8, 9, 3, 2, 0, true, false, false},
		{2, 20, 7, 9, 5, 2, 1, false, false, false},
		{2, 96, 55, 55, 3, 2, 0, false, false, true},
		{2, 256, 13, 13, 3, 2, 1, false, true, true},
	} {
		cases = append(cases, testCase{name: fmt.Sprintf("avg_pool %+v", c), slow: c.slow, build: func(n *network) {
			o := op.AvgPool{Kernel: c.k, Stride: c.s, Pad: c.p, Ceil: c.ceil, CountPad: c.countPad}
			y := n.apply("y", o, n.random("x", c.n, c.c, c.h, c.w))
			n.apply("dx", op.AvgPoolGrad{Pool: o, H: c.h, W: c.w}, n.random("dy", n.values[y].typ.Shape...))
		}})
	}
	return cases
}
