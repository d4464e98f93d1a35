package op

// AvgPool is average pooling; the windows overlap where Stride < Kernel:
//
//	y[n,c,i,j] = sum_{u,v} x[n, c, i*Stride+u-Pad, j*Stride+v-Pad] / (Cells(i, H) * Cells(j, W))   over places inside x
//
// x: [batch, C, H, W], y: [batch, C, H', W'], H' and W' as MaxPool has them. A window always holds a place of x.
//
// The divisor is the number of the places inside x, as in cuda-convnet, and in ONNX where nothing else is said. With
// CountPad the places of the padding count too, but not those beyond it, which a window reaches where Ceil rounds up:
// as in Caffe, and in PyTorch where nothing else is said. The two differ only where there is a padding.
type AvgPool struct {
	Kernel, Stride, Pad int
	Ceil                bool // round the output's extent up (Caffe, cuda-convnet), not down (PyTorch's default)
	CountPad            bool
}

func (AvgPool) Name() string  { return "avg_pool" }
func (AvgPool) Roles() []Role { return []Role{Activation} }

// OutputSide is the extent of the output for an input of extent n, or an error when the window does not fit.
func (o AvgPool) OutputSide(n int) (int, error) {
	return windows(n, o.Kernel, o.Stride, o.Pad, o.Ceil)
}

// Cells is how many places of window i count, along an axis of extent n.
func (o AvgPool) Cells(i, n int) int {
	first := i*o.Stride - o.Pad
	if o.CountPad {
		return min(first+o.Kernel, n+o.Pad) - first
	}
	return min(first+o.Kernel, n) - max(first, 0)
}

func (o AvgPool) Infer(in []Type) (Type, error) {
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

func (o AvgPool) Grad(p Place, in []*Node, _, dy *Node) ([]*Node, error) {
	x := in[0].Shape()
	dx, err := Apply(AvgPoolGrad{o, x[2], x[3]}, p, dy)
	return []*Node{dx}, err
}

// AvgPoolGrad gives each place of a window an equal part of the window's gradient:
//
//	dx[n,c,h,w] = sum of dy[n,c,i,j] / (Cells(i, H) * Cells(j, W))   over the windows i,j that hold h,w
//
// Input: dy [batch, C, H', W']. Output: dx [batch, C, H, W].
type AvgPoolGrad struct {
	Pool AvgPool
	H, W int // extents of the input of the pooling
}

func (AvgPoolGrad) Name() string  { return "avg_pool_grad" }
func (AvgPoolGrad) Roles() []Role { return []Role{Activation} }

func (o AvgPoolGrad) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	dy := in[0].Shape
	x := Floats(dy[0], dy[1], o.H, o.W)
	y, err := o.Pool.Infer([]Type{x})
	if err != nil {
		return Type{}, err
	}
	return x, same("dy", y, in[0])
}
