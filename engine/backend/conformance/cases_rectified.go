package conformance

import (
	"fmt"

	"duet/engine/op"
)

// rectifiedCases are gradients with that of a rectifier behind them.
func rectifiedCases() []testCase {
	var cases []testCase
	add := func(name string, slow bool, grad op.Op, shape []int, in func(n *network) []id) {
		cases = append(cases, testCase{name: name, slow: slow, build: func(n *network) {
			y := n.apply("y", op.ReLU{}, n.random("z", shape...))
			n.apply("dz", op.Rectified{Grad: grad}, append(in(n), y)...)
		}})
	}
	for _, c := range convShapes {
		if c.slow && c.c == 3 {
			continue
		}
		o := op.Conv2D{Kernel: c.k, Stride: c.s, Pad: c.p, Groups: c.g}
		add(fmt.Sprintf("conv2d_grad_input_relu %v", c), c.slow, op.Conv2DGradInput{Conv: o, H: c.h, W: c.w},
			[]int{c.n, c.c, c.h, c.w}, func(n *network) []id {
				w := n.weight("w", c.o/c.g*c.k*c.k, c.o, c.c/c.g, c.k, c.k)
				return []id{w, n.random("dz'", c.gradient(n)...)}
			})
	}
	for _, c := range []struct {
		n, i, o int
		slow    bool
	}{
		{1, 1, 1, false}, {5, 16, 7, false}, {3, 17, 16, false}, {131, 137, 139, false}, {130, 264, 136, false},
		{9, 600, 260, false}, {128, 4096, 1000, true},
	} {
		add(fmt.Sprintf("linear_grad_input_relu %dx%d to %d", c.n, c.i, c.o), c.slow, op.LinearGradInput{},
			[]int{c.n, c.i}, func(n *network) []id {
				return []id{n.weight("w", c.o, c.o, c.i), n.random("dz'", c.n, c.o)}
			})
	}
	for _, c := range []struct {
		n, c, h, w, k, s, p int
		ceil                bool
	}{
		{1, 1, 1, 1, 1, 1, 0, false}, {2, 3, 5, 7, 3, 2, 0, true}, {1, 7, 11, 11, 3, 2, 1, false},
		{2, 16, 13, 13, 3, 2, 0, false}, {1, 48, 11, 11, 5, 3, 2, false}, {2, 16, 9, 9, 2, 3, 0, false},
		{2, 12, 6, 8, 3, 2, 0, true}, {1, 8, 7, 5, 2, 1, 1, false},
	} {
		o := op.MaxPool{Kernel: c.k, Stride: c.s, Pad: c.p, Ceil: c.ceil}
		add(fmt.Sprintf("max_pool_grad_relu %+v", c), false, op.MaxPoolGrad{Pool: o, H: c.h, W: c.w},
			[]int{c.n, c.c, c.h, c.w}, func(n *network) []id {
				outs := n.applyWith("pooled", o, op.MaxPoolArgmax{Pool: o}, n.random("x", c.n, c.c, c.h, c.w))
				return []id{outs[1], n.random("dy", n.values[outs[0]].typ.Shape...)}
			})
	}
	for _, o := range []op.Dropout{{Rate: 0.5, Width: 7, Stream: 3}, {Rate: 0.3, Inverted: true, Width: 64, First: 32}} {
		f := o.Width - o.First
		add(fmt.Sprintf("dropout_relu %+v", o), false, o, []int{5, f}, func(n *network) []id {
			counters := n.leaf("counters", op.Type{DType: op.Uint32, Shape: []int{4}}, []uint32{1, 2, 3, 0})
			return []id{n.random("dy", 5, f), counters}
		})
	}
	return cases
}
