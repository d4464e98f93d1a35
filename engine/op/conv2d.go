package op

import "fmt"

// Conv2D is convolution (cross-correlation) with bias, and an optional rectifier:
//
//	y[n,o,i,j] = f( b[o] + sum_{c,u,v} x[n, g*C/Groups + c, i*Stride+u-Pad, j*Stride+v-Pad] * w[o,c,u,v] )
//
// with g = o / (O/Groups) and x zero outside. f is max(., 0) with ReLU, else the identity.
//
// x: [batch, C, H, W], w: [O, C/Groups, Kernel, Kernel], b: [O], y: [batch, O, H', W'] with
// H' = (H + 2*Pad - Kernel)/Stride + 1, rounded down.
type Conv2D struct {
	Kernel, Stride, Pad, Groups int
	ReLU                        bool
}

func (Conv2D) Name() string  { return "conv2d" }
func (Conv2D) Roles() []Role { return []Role{Activation, Weight, Bias} }

// OutputSide is the extent of the output for an input of extent n, or an error when the kernel does not fit.
func (o Conv2D) OutputSide(n int) (int, error) {
	return windows(n, o.Kernel, o.Stride, o.Pad, false)
}

func (o Conv2D) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}, rank{Float, 4}, rank{Float, 1}); err != nil {
		return Type{}, err
	}
	x, w, b := in[0].Shape, in[1].Shape, in[2].Shape
	switch {
	case o.Groups < 1 || x[1]%o.Groups != 0 || w[0]%o.Groups != 0:
		return Type{}, fmt.Errorf("%d groups do not divide %d input and %d output maps", o.Groups, x[1], w[0])
	case w[1] != x[1]/o.Groups || w[2] != o.Kernel || w[3] != o.Kernel:
		return Type{}, fmt.Errorf("weight is %v, want [%d %d %d %d]", w, w[0], x[1]/o.Groups, o.Kernel, o.Kernel)
	case b[0] != w[0]:
		return Type{}, fmt.Errorf("bias has %d elements, want %d", b[0], w[0])
	}
	h, err := o.OutputSide(x[2])
	if err != nil {
		return Type{}, err
	}
	wd, err := o.OutputSide(x[3])
	return Floats(x[0], w[0], h, wd), err
}

// Grad is, with dz = dy where y > 0 under ReLU and dz = dy without: the three operations below of dz.
func (o Conv2D) Grad(p Place, in []*Node, y, dy *Node) ([]*Node, error) {
	linear := o
	linear.ReLU = false
	x, w := in[0], in[1]
	var c Chain
	dz := c.throughReLU(o.ReLU, p, y, dy)
	dx := c.Apply(Conv2DGradInput{linear, x.Shape()[2], x.Shape()[3]}, p, w, dz)
	dw := c.Apply(Conv2DGradWeight{linear}, p, x, dz)
	db := c.Apply(Conv2DGradBias{linear}, p, x, dz)
	return []*Node{dx, dw, db}, c.Err
}

// FLOPs counts a multiplication and an addition for every weight that meets an input.
func (o Conv2D) FLOPs(in []Type, out Type) float64 {
	return 2 * float64(out.Len()) * float64(in[1].Len()/in[1].Shape[0])
}

// Conv2DGradInput is the gradient of Conv2D with respect to its input:
//
//	dx[n,c,h,w] = sum over o, u, v with i*Stride+u-Pad = h, j*Stride+v-Pad = w of dz[n,o,i,j] * w[o,c,u,v]
//
// Inputs: w [O, C/Groups, Kernel, Kernel], dz [batch, O, H', W']. Output: dx [batch, C, H, W].
type Conv2DGradInput struct {
	Conv Conv2D
	H, W int // extents of the input of the convolution
}

func (Conv2DGradInput) Name() string  { return "conv2d_grad_input" }
func (Conv2DGradInput) Roles() []Role { return []Role{Weight, Activation} }

func (o Conv2DGradInput) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	w, dz := in[0], in[1]
	x := Floats(dz.Shape[0], w.Shape[1]*o.Conv.Groups, o.H, o.W)
	y, err := o.Conv.Infer([]Type{x, w, Floats(w.Shape[0])})
	if err != nil {
		return Type{}, err
	}
	return x, same("dz", y, dz)
}

func (o Conv2DGradInput) FLOPs(in []Type, _ Type) float64 {
	return 2 * float64(in[1].Len()) * float64(in[0].Len()/in[0].Shape[0])
}

// Conv2DGradWeight is the gradient of Conv2D with respect to its weight:
//
//	dw[o,c,u,v] = sum_{n,i,j} dz[n,o,i,j] * x[n, g*C/Groups + c, i*Stride+u-Pad, j*Stride+v-Pad]
//
// Inputs: x [batch, C, H, W], dz [batch, O, H', W']. Output: dw [O, C/Groups, Kernel, Kernel].
type Conv2DGradWeight struct{ Conv Conv2D }

func (Conv2DGradWeight) Name() string  { return "conv2d_grad_weight" }
func (Conv2DGradWeight) Roles() []Role { return []Role{Activation, Activation} }

func (o Conv2DGradWeight) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	x, dz := in[0], in[1]
	if o.Conv.Groups < 1 {
		return Type{}, fmt.Errorf("%d groups", o.Conv.Groups)
	}
	w := Floats(dz.Shape[1], x.Shape[1]/o.Conv.Groups, o.Conv.Kernel, o.Conv.Kernel)
	y, err := o.Conv.Infer([]Type{x, w, Floats(dz.Shape[1])})
	if err != nil {
		return Type{}, err
	}
	return w, same("dz", y, dz)
}

func (o Conv2DGradWeight) FLOPs(in []Type, out Type) float64 {
	return 2 * float64(in[1].Len()) * float64(out.Len()/out.Shape[0])
}

// Conv2DGradBias is the gradient of Conv2D with respect to its bias: db[o] = sum_{n,i,j} dz[n,o,i,j].
//
// Inputs: x and dz as for Conv2DGradWeight, whose kernel computes both. Output: db [O].
type Conv2DGradBias struct{ Conv Conv2D }

func (Conv2DGradBias) Name() string  { return "conv2d_grad_bias" }
func (Conv2DGradBias) Roles() []Role { return []Role{Activation, Activation} }

func (o Conv2DGradBias) Infer(in []Type) (Type, error) {
	w, err := Conv2DGradWeight(o).Infer(in)
	if err != nil {
		return Type{}, err
	}
	return Floats(w.Shape[0]), nil
}

func (o Conv2DGradBias) Primary() Op { return Conv2DGradWeight(o) }

// windows is how many windows of an extent k fit into n, padded on both sides, at a stride.
func windows(n, k, stride, pad int, ceil bool) (int, error) {
	switch {
	case k < 1 || stride < 1 || pad < 0:
		return 0, fmt.Errorf("kernel %d, stride %d, pad %d: want kernel and stride of at least 1 and no negative pad",
			k, stride, pad)
	case pad >= k:
		return 0, fmt.Errorf("pad %d must be smaller than the kernel %d", pad, k)
	case n+2*pad < k:
		return 0, fmt.Errorf("kernel %d is larger than the input %d with pad %d", k, n, pad)
	}
	room := n + 2*pad - k
	if !ceil {
		return room/stride + 1, nil
	}
	out := (room+stride-1)/stride + 1
	if (out-1)*stride >= n+pad { // the last window must start inside the input, as Caffe and PyTorch have it
		out--
	}
	return out, nil
}
