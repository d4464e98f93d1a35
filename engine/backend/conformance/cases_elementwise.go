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
		name: "tanh by hand",
		build: func(n *network) {
			x := n.leaf("x", op.Floats(5), []float64{0, 0.5, -0.5, 2, -100})
			y := n.apply("y", op.Tanh{}, x)
			n.apply("dx", op.TanhGrad{}, y, n.leaf("dy", op.Floats(5), []float64{3, 1, 1, -10, 5}))
			half := n.leaf("half", op.Floats(2), []float64{0.5, -0.75})
			n.apply("of half", op.TanhGrad{}, half, n.leaf("ones", op.Floats(2), []float64{1, 2}))
		},
		want: map[string]any{"y": []float64{0, 0.46211715726000975, -0.46211715726000975, 0.9640275800758169, -1},
			"of half": []float64{0.75, 0.875}},
	}, {
		// From the smallest that has all its digits to the largest, and where kernels go from one formula to another.
		name: "tanh of any size",
		build: func(n *network) {
			var x []float64
			for _, v := range []float64{0, 1.1754944e-38, 1e-30, 1e-10, 2.4e-4, 1e-3, 0.03, 0.1, 0.3, 0.55, 0.625, 0.8, 1, 2, 3,
				5, 7, 8.5, 9.0109, 9.1, 10, 20, 44, 88.8, 1e4, 3e38} {
				x = append(x, v, -v)
			}
			y := n.apply("y", op.Tanh{}, n.leaf("x", op.Floats(len(x)), x))
			n.apply("dx", op.TanhGrad{}, y, n.random("dy", len(x)))
		},
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
		}}, testCase{name: fmt.Sprintf("tanh %v", shape), build: func(n *network) {
			y := n.apply("y", op.Tanh{}, n.random("x", shape...))
			n.apply("dx", op.TanhGrad{}, y, n.random("dy", shape...))
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
