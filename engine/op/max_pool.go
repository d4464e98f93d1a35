package op

import "fmt"

// MaxPool is max pooling; the windows overlap where Stride < Kernel:
//
//	y[n,c,i,j] = max_{u,v} x[n, c, i*Stride+u-Pad, j*Stride+v-Pad]   over places inside x
//
// x: [batch, C, H, W], y: [batch, C, H', W'] with H' = (H + 2*Pad - Kernel)/Stride + 1, rounded down, or up with Ceil.
// A NaN in the window is its maximum, as in PyTorch; a library's kernels may pass over it (oneDNN's comparisons do).
//
// Source of the overlapping form (kernel 3, stride 2): Krizhevsky, Sutskever, Hinton 2012, section 3.4.
type MaxPool struct {
	Kernel, Stride, Pad int
	Ceil                bool // round the output's extent up (Caffe, cuda-convnet), not down (PyTorch's default)
}

func (MaxPool) Name() string  { return "max_pool" }
func (MaxPool) Roles() []Role { return []Role{Activation} }

// OutputSide is the extent of the output for an input of extent n, or an error when the window does not fit.
func (o MaxPool) OutputSide(n int) (int, error) {
	return windows(n, o.Kernel, o.Stride, o.Pad, o.Ceil)
}

func (o MaxPool) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	x := in[0].Shape
	h, err := o.OutputSide(x[2])
	if err != nil {
		return Type{}, err
	}
	w, err := o.OutputSide(x[3])
	return Floats(x[0], x[1], h, w), err
}

func (o MaxPool) Grad(p Place, in []*Node, _, dy *Node) ([]*Node, error) {
	var c Chain
	at := c.Apply(MaxPoolArgmax{o}, p, in[0])
	dx := c.Apply(MaxPoolGrad{o, in[0].Shape()[2], in[0].Shape()[3]}, p, at, dy)
	return []*Node{dx}, c.Err
}

// MaxPoolArgmax is where in its window each maximum was: u*Kernel + v of the first one, or of the first NaN, in
// row-major order.
// Input: x of MaxPool. Output: uint8 of MaxPool's output shape; so a window has at most 256 places.
type MaxPoolArgmax struct{ Pool MaxPool }

func (MaxPoolArgmax) Name() string  { return "max_pool_argmax" }
func (MaxPoolArgmax) Roles() []Role { return []Role{Activation} }

func (o MaxPoolArgmax) Infer(in []Type) (Type, error) {
	if o.Pool.Kernel > 16 {
		return Type{}, fmt.Errorf("window %d, want at most 16", o.Pool.Kernel)
	}
	y, err := o.Pool.Infer(in)
	return Type{Uint8, y.Shape}, err
}

func (o MaxPoolArgmax) Primary() Op { return o.Pool }

// MaxPoolGrad sends each gradient to the place of its window's maximum; a place that won several windows gets the sum.
// Inputs: argmax (uint8), dy, both [batch, C, H', W']. Output: dx [batch, C, H, W].
type MaxPoolGrad struct {
	Pool MaxPool
	H, W int // extents of the input of the pooling
}

func (MaxPoolGrad) Name() string  { return "max_pool_grad" }
func (MaxPoolGrad) Roles() []Role { return []Role{Argmax, Activation} }

func (o MaxPoolGrad) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Uint8, 4}, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	dy := in[1].Shape
	x := Floats(dy[0], dy[1], o.H, o.W)
	y, err := o.Pool.Infer([]Type{x})
	if err != nil {
		return Type{}, err
	}
	if err := same("argmax", Type{Uint8, y.Shape}, in[0]); err != nil {
		return Type{}, err
	}
	return x, same("dy", y, in[1])
}
