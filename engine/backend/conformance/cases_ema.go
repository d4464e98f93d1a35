package conformance

import (
	"fmt"

	"duet/engine/op"
)

func emaCases() []testCase {
	cases := []testCase{{
		name: "ema by hand",
		build: func(n *network) {
			w := n.fine("w", op.Floats(3), []float64{1, -2, 8})
			n.apply("a'", op.EMA{Decay: 0.75}, n.fine("a", op.Floats(3), []float64{3, 2, 0}), w)
		},
		want: map[string]any{"a'": []float64{2.5, 1, 2}},
	}}
	for _, shape := range [][]int{{1}, {17}, {1031}, {16, 3, 3, 3}, {17, 7, 2, 2}, {33, 255}} {
		cases = append(cases, testCase{name: fmt.Sprintf("ema %v", shape), build: func(n *network) {
			t := op.Floats(shape...)
			w := n.fine("w", t, spread("w", 1, t.Len()))
			n.apply("a'", op.EMA{Decay: 0.999}, n.fine("a", t, spread("a", 1, t.Len())), w)
		}})
	}
	for _, c := range []struct{ features, from int }{{1, 1}, {5, 13}, {65, 130}, {64, 48}} {
		cases = append(cases, testCase{name: fmt.Sprintf("ema, then fully connected %+v", c), build: func(n *network) {
			n.averaged(op.Linear{}, n.leaf("x", op.Floats(3, c.from), eighths("x", 3*c.from)), c.features, c.from)
		}})
	}
	for _, c := range []struct{ maps, from, kernel int }{{1, 1, 1}, {5, 3, 3}, {16, 8, 3}, {17, 7, 5}} {
		cases = append(cases, testCase{name: fmt.Sprintf("ema, then convolution %+v", c), build: func(n *network) {
			o := op.Conv2D{Kernel: c.kernel, Stride: 1, Pad: c.kernel / 2, Groups: 1}
			n.averaged(o, n.leaf("x", op.Floats(2, c.from, 6, 6), eighths("x", 2*c.from*36)), c.maps, c.from, c.kernel, c.kernel)
		}})
	}
	return cases
}

// averaged is a layer with its weight, and with the weight's average, which lies like it, in a second precision too
// where the device keeps one. All numbers are sixteenths below 4, which every precision holds.
func (n *network) averaged(o op.Op, x id, shape ...int) {
	t := op.Floats(shape...)
	w := n.leaf("w", t, eighths("w", t.Len()))
	b := n.leaf("b", op.Floats(shape[0]), eighths("b", shape[0]))
	a := n.leaf("a", t, eighths("a", t.Len()))
	n.apply("of the weight", o, x, w, b)
	n.apply("before", o, x, a, b)
	n.apply("after", o, x, n.apply("a'", op.EMA{Decay: 0.5}, a, w), b)
}
