package conformance

import (
	"fmt"

	"duet/engine/op"
)

// convShape is a convolution and its input.
type convShape struct {
	n, c, h, w, o int
	k, s, p, g    int
	slow          bool
}

func (c convShape) String() string {
	return fmt.Sprintf("%dx%dx%dx%d to %d k%d s%d p%d g%d", c.n, c.c, c.h, c.w, c.o, c.k, c.s, c.p, c.g)
}

var convShapes = []convShape{
	{n: 1, c: 1, h: 1, w: 1, o: 1, k: 1, s: 1, p: 0, g: 1},
	{n: 2, c: 3, h: 5, w: 7, o: 5, k: 1, s: 1, p: 0, g: 1},
	{n: 3, c: 7, h: 5, w: 7, o: 16, k: 2, s: 1, p: 1, g: 1},
	{n: 1, c: 16, h: 11, w: 11, o: 17, k: 3, s: 1, p: 1, g: 1},
	{n: 5, c: 17, h: 7, w: 5, o: 3, k: 3, s: 2, p: 1, g: 1},
	{n: 2, c: 6, h: 9, w: 11, o: 10, k: 3, s: 1, p: 2, g: 2},
	{n: 3, c: 9, h: 13, w: 13, o: 21, k: 5, s: 3, p: 2, g: 3},
	{n: 2, c: 32, h: 13, w: 13, o: 48, k: 3, s: 1, p: 1, g: 2},
	{n: 1, c: 10, h: 27, w: 27, o: 14, k: 5, s: 1, p: 2, g: 2},
	{n: 2, c: 3, h: 27, w: 31, o: 16, k: 11, s: 4, p: 0, g: 1},
	{n: 1, c: 1, h: 11, w: 12, o: 7, k: 11, s: 1, p: 0, g: 1},
	{n: 2, c: 48, h: 6, w: 6, o: 16, k: 2, s: 2, p: 0, g: 1},
	{n: 2, c: 3, h: 32, w: 32, o: 16, k: 5, s: 1, p: 2, g: 1},
	// Across the edges of tiles of 64 and 128 in all three extents of each product, with rows in memory that are
	// multiples of 16 bytes and rows that are not, and with remainders of the sums' lengths by 8, 16 and 32.
	{n: 2, c: 30, h: 9, w: 13, o: 262, k: 3, s: 1, p: 1, g: 2},
	{n: 2, c: 266, h: 9, w: 13, o: 30, k: 3, s: 1, p: 1, g: 2},
	{n: 3, c: 24, h: 9, w: 10, o: 136, k: 3, s: 1, p: 0, g: 1},
	{n: 3, c: 5, h: 31, w: 29, o: 132, k: 5, s: 4, p: 2, g: 1},
	{n: 2, c: 8, h: 23, w: 37, o: 34, k: 11, s: 4, p: 3, g: 2},
	{n: 2, c: 131, h: 17, w: 19, o: 17, k: 3, s: 2, p: 1, g: 1},
	{n: 2, c: 9, h: 7, w: 9, o: 5, k: 1, s: 2, p: 0, g: 1},
	// Channels and maps of a group that are a multiple of eight and that are not, with strides, padding and groups.
	{n: 2, c: 6, h: 17, w: 13, o: 10, k: 5, s: 2, p: 2, g: 2},
	{n: 2, c: 32, h: 11, w: 9, o: 20, k: 3, s: 2, p: 1, g: 2},
	{n: 3, c: 8, h: 9, w: 10, o: 72, k: 1, s: 3, p: 0, g: 1},
	{n: 2, c: 20, h: 9, w: 8, o: 16, k: 4, s: 3, p: 2, g: 2},
	// AlexNet's, at batch 2: whole layers, and a tower's.
	{n: 2, c: 3, h: 227, w: 227, o: 96, k: 11, s: 4, p: 0, g: 1, slow: true},
	{n: 2, c: 3, h: 227, w: 227, o: 48, k: 11, s: 4, p: 0, g: 1, slow: true},
	{n: 2, c: 96, h: 27, w: 27, o: 256, k: 5, s: 1, p: 2, g: 2, slow: true},
	{n: 2, c: 48, h: 27, w: 27, o: 128, k: 5, s: 1, p: 2, g: 1, slow: true},
	{n: 2, c: 256, h: 13, w: 13, o: 384, k: 3, s: 1, p: 1, g: 1, slow: true},
	{n: 2, c: 256, h: 13, w: 13, o: 192, k: 3, s: 1, p: 1, g: 1, slow: true},
	{n: 2, c: 384, h: 13, w: 13, o: 384, k: 3, s: 1, p: 1, g: 2, slow: true},
	{n: 2, c: 192, h: 13, w: 13, o: 128, k: 3, s: 1, p: 1, g: 1, slow: true},
}

// gradient is the shape of the output's gradient.
func (c convShape) gradient(n *network) []int {
	o := op.Conv2D{Kernel: c.k, Stride: c.s, Pad: c.p, Groups: c.g}
	h, err := o.OutputSide(c.h)
	if err != nil {
		n.t.Fatal(err)
	}
	w, err := o.OutputSide(c.w)
	if err != nil {
		n.t.Fatal(err)
	}
	return []int{c.n, c.o, h, w}
}

func convCases() []testCase {
	cases := []testCase{{
		name: "conv2d by hand",
		build: func(n *network) {
			x := n.leaf("x", op.Floats(1, 1, 3, 3), []float64{1, 2, 3, 4, 5, 6, 7, 8, 9})
			w := n.leaf("w", op.Floats(1, 1, 2, 2), []float64{1, 0, 0, -1})
			b := n.leaf("b", op.Floats(1), []float64{10})
			o := op.Conv2D{Kernel: 2, Stride: 1, Groups: 1}
			dz := n.leaf("dz", op.Floats(1, 1, 2, 2), []float64{1, 2, 3, 4})
			n.apply("y", o, x, w, b)
			n.apply("dx", op.Conv2DGradInput{Conv: o, H: 3, W: 3}, w, dz)
			n.applyWith("dw", op.Conv2DGradWeight{Conv: o}, op.Conv2DGradBias{Conv: o}, x, dz)
		},
		want: map[string]any{
			"y":                      []float64{6, 6, 6, 6},
			"dx":                     []float64{1, 2, 0, 3, 3, -2, 0, -3, -4},
			"dw":                     []float64{37, 47, 67, 77},
			"conv2d_grad_bias of dw": []float64{10},
		},
	}}
	for _, c := range convShapes {
		for _, relu := range []bool{false, true} {
			if c.slow && !relu {
				continue
			}
			cases = append(cases, testCase{
				name: fmt.Sprintf("conv2d %v relu=%v", c, relu), slow: c.slow,
				build: func(n *network) {
					fan := c.c / c.g * c.k * c.k
					o := op.Conv2D{Kernel: c.k, Stride: c.s, Pad: c.p, Groups: c.g, ReLU: relu}
					n.apply("y", o, n.random("x", c.n, c.c, c.h, c.w), n.weight("w", fan, c.o, c.c/c.g, c.k, c.k), n.random("b", c.o))
				},
			})
		}
		o := op.Conv2D{Kernel: c.k, Stride: c.s, Pad: c.p, Groups: c.g}
		if !(c.slow && c.c == 3) { // nobody wants the gradient of AlexNet's images
			cases = append(cases, testCase{
				name: fmt.Sprintf("conv2d_grad_input %v", c), slow: c.slow,
				build: func(n *network) {
					w := n.weight("w", c.o/c.g*c.k*c.k, c.o, c.c/c.g, c.k, c.k)
					n.apply("dx", op.Conv2DGradInput{Conv: o, H: c.h, W: c.w}, w, n.random("dz", c.gradient(n)...))
				},
			})
		}
		cases = append(cases, testCase{
			name: fmt.Sprintf("conv2d_grad_weight %v", c), slow: c.slow,
			build: func(n *network) {
				x := n.random("x", c.n, c.c, c.h, c.w)
				n.applyWith("dw", op.Conv2DGradWeight{Conv: o}, op.Conv2DGradBias{Conv: o}, x, n.random("dz", c.gradient(n)...))
			},
		})
	}
	return cases
}
