package conformance

import (
	"fmt"

	"duet/engine/op"
)

func exchangeCases() []testCase {
	cases := []testCase{{
		name: "concat and slice by hand",
		build: func(n *network) {
			a := n.leaf("a", op.Floats(2, 1, 1, 2), []float64{1, 2, 3, 4})
			b := n.leaf("b", op.Floats(2, 2, 1, 2), []float64{5, 6, 7, 8, 9, 10, 11, 12})
			y := n.apply("y", op.Concat{}, a, b)
			n.apply("z", op.Slice{First: 1, End: 2}, y)
		},
		want: map[string]any{
			"y": []float64{1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12},
			"z": []float64{5, 6, 9, 10},
		},
	}, {
		name: "flatten by hand",
		build: func(n *network) {
			y := n.apply("y", op.Flatten{}, n.leaf("x", op.Floats(1, 2, 1, 2), []float64{1, 2, 3, 4}))
			n.apply("z", op.Unflatten{C: 2, H: 1, W: 2}, y)
		},
		want: map[string]any{"y": []float64{1, 2, 3, 4}, "z": []float64{1, 2, 3, 4}},
	}}
	for _, c := range []struct {
		a, b int
		rest []int
	}{
		{1, 1, nil}, {16, 16, nil}, {7, 48, nil}, {2048, 2048, nil},
		{1, 1, []int{1, 1}}, {3, 5, []int{5, 7}}, {16, 16, []int{11, 11}}, {48, 48, []int{13, 13}}, {17, 16, []int{3, 3}},
		{12, 4, []int{3, 5}},
	} {
		for _, batch := range []int{1, 3} {
			cases = append(cases, testCase{name: fmt.Sprintf("concat %d+%d %v of %d", c.a, c.b, c.rest, batch),
				build: func(n *network) {
					a := n.random("a", append([]int{batch, c.a}, c.rest...)...)
					b := n.random("b", append([]int{batch, c.b}, c.rest...)...)
					y := n.apply("y", op.Concat{}, a, b)
					n.apply("a again", op.Slice{First: 0, End: c.a}, y)
					n.apply("b again", op.Slice{First: c.a, End: c.a + c.b}, y)
				}})
		}
	}
	for _, s := range [][4]int{{1, 1, 1, 1}, {2, 3, 5, 7}, {3, 16, 6, 6}, {2, 17, 3, 1}} {
		cases = append(cases, testCase{name: fmt.Sprintf("flatten %v", s), build: func(n *network) {
			y := n.apply("y", op.Flatten{}, n.random("x", s[:]...))
			n.apply("z", op.Unflatten{C: s[1], H: s[2], W: s[3]}, y)
		}})
	}
	for _, shape := range flatShapes { // of who runs a graph without a plan, which copies
		cases = append(cases, testCase{name: fmt.Sprintf("send %v", shape), build: func(n *network) {
			n.apply("y", op.Send{From: 0}, n.random("x", shape...))
		}})
	}
	return cases
}
