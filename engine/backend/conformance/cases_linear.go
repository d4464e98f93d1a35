package conformance

import (
	"fmt"

	"duet/engine/op"
)

func linearCases() []testCase {
	cases := []testCase{{
		name: "linear by hand",
		build: func(n *network) {
			x := n.leaf("x", op.Floats(2, 3), []float64{1, 2, 3, -1, 0, 2})
			w := n.leaf("w", op.Floats(2, 3), []float64{1, -1, 2, 0, 3, 1})
			b := n.leaf("b", op.Floats(2), []float64{-6, 1})
			dz := n.leaf("dz", op.Floats(2, 2), []float64{1, 2, -1, 3})
			n.apply("y", op.Linear{ReLU: true}, x, w, b)
			n.apply("dx", op.LinearGradInput{}, w, dz)
			n.applyWith("dw", op.LinearGradWeight{}, op.LinearGradBias{}, x, dz)
		},
		want: map[string]any{
			"y":                      []float64{0, 10, 0, 3},
			"dx":                     []float64{1, 5, 4, -1, 10, 1},
			"dw":                     []float64{2, 2, 1, -1, 4, 12},
			"linear_grad_bias of dw": []float64{0, 5},
		},
	}}
	for _, c := range []struct {
		n, i, o int
		slow    bool
	}{
		{1, 1, 1, false}, {2, 3, 5, false}, {5, 16, 7, false}, {3, 17, 16, false}, {1, 48, 17, false},
		{5, 1, 48, false}, {2, 255, 33, false}, {7, 300, 10, false}, {32, 100, 64, false},
		{131, 137, 139, false}, {130, 264, 136, false}, {9, 600, 260, false}, {200, 8, 70, false}, // across tiles' edges
		{2, 9216, 2048, true}, {2, 4096, 1000, true}, // a tower's fc6, and fc8; fc7 is between them
	} {
		shape := fmt.Sprintf("%dx%d to %d", c.n, c.i, c.o)
		for _, relu := range []bool{false, true} {
			if c.slow && !relu {
				continue
			}
			cases = append(cases, testCase{name: fmt.Sprintf("linear %s relu=%v", shape, relu), slow: c.slow,
				build: func(n *network) {
					n.apply("y", op.Linear{ReLU: relu}, n.random("x", c.n, c.i), n.weight("w", c.i, c.o, c.i), n.random("b", c.o))
				}})
		}
		cases = append(cases, testCase{name: "linear_grad_input " + shape, slow: c.slow, build: func(n *network) {
			n.apply("dx", op.LinearGradInput{}, n.weight("w", c.o, c.o, c.i), n.random("dz", c.n, c.o))
		}}, testCase{name: "linear_grad_weight " + shape, slow: c.slow, build: func(n *network) {
			n.applyWith("dw", op.LinearGradWeight{}, op.LinearGradBias{}, n.random("x", c.n, c.i), n.random("dz", c.n, c.o))
		}})
	}
	return cases
}
