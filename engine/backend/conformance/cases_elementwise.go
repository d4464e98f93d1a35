package conformance

import (
	"fmt"

	"duet/engine/op"
)

// flatShapes are shapes of activations: plain and of images.
var flatShapes = [][]int{{1, 1}, {2, 17}, {5, 48}, {3, 1000}, {1, 1, 1, 1}, {2, 3, 5, 7}, {3, 16, 11, 11},
	{2, 17, 13, 13}}

func elementwiseCases() []testCase {
	cases := []testCase{{
		name: "relu by hand",
		build: func(n *network) {
			x := n.leaf("x", op.Floats(5), []float64{-1, 0, 2, -0.5, 3})
			y := n.apply("y", op.ReLU{}, x)
			n.apply("dx", op.ReLUGrad{}, y, n.leaf("dy", op.Floats(5), []float64{1, 2, 3, 4, -5}))
		},
		want: map[string]any{"y": []float64{0, 0, 2, 0, 3}, "dx": []float64{0, 0, 3, 0, -5}},
	}, {
		name: "scale by hand",
		build: func(n *network) {
			n.apply("y", op.Scale{Factor: 0.5}, n.leaf("x", op.Floats(3), []float64{1, -2, 8}))
		},
		want: map[string]any{"y": []float64{0.5, -1, 4}},
	}, {
		name: "add by hand",
		build: func(n *network) {
			n.apply("y", op.Add{}, n.leaf("a", op.Floats(2), []float64{1, 2}), n.leaf("b", op.Floats(2), []float64{10, -2}))
		},
		want: map[string]any{"y": []float64{11, 0}},
	}}
	for _, shape := range flatShapes {
		cases = append(cases, testCase{name: fmt.Sprintf("relu %v", shape), build: func(n *network) {
			y := n.apply("y", op.ReLU{}, n.random("x", shape...))
			n.apply("dx", op.ReLUGrad{}, y, n.random("dy", shape...))
		}}, testCase{name: fmt.Sprintf("scale %v", shape), build: func(n *network) {
			n.apply("y", op.Scale{Factor: 0.3}, n.random("x", shape...))
		}}, testCase{name: fmt.Sprintf("add %v", shape), build: func(n *network) {
			n.apply("y", op.Add{}, n.random("a", shape...), n.random("b", shape...))
		}})
	}
	for _, c := range []op.Dropout{
		{Rate: 0, Width: 48}, {Rate: 0.5, Width: 48}, {Rate: 0.1, Width: 100, First: 50, Stream: 3},
		{Rate: 0.5, Inverted: true, Width: 48, Stream: 6}, {Rate: 0.75, Inverted: true, Width: 51, First: 3, Stream: 1 << 23},
	} {
		for _, batch := range []int{1, 5} {
			cases = append(cases, testCase{name: fmt.Sprintf("dropout %+v of %d", c, batch), build: func(n *network) {
				counters := n.leaf("counters", op.Type{DType: op.Uint32, Shape: []int{4}}, []uint32{0x89abcdef, 0x01234567, 77, 0})
				n.apply("y", c, n.random("x", batch, 48), counters)
			}})
		}
	}
	return cases
}
