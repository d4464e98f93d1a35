package op

// LRNMaxPool is MaxPool of LRN as one operation:
//
//	y = MaxPool(LRN(x))
//
// Networks have the two layers; a plan makes one operation of them where a device has a kernel for it, because what
// lies between them, LRN's y and s and the gradient of that y, is as large as x and would be written and read for
// nothing else.
//
// x: [batch, C, H, W], y: [batch, C, H', W'] as MaxPool has it.
type LRNMaxPool struct {
	LRN  LRN
	Pool MaxPool
}

func (LRNMaxPool) Name() string  { return "lrn_max_pool" }
func (LRNMaxPool) Roles() []Role { return []Role{Activation} }

func (o LRNMaxPool) Infer(in []Type) (Type, error) {
	if _, err := o.LRN.Infer(in); err != nil {
		return Type{}, err
	}
	return o.Pool.Infer(in)
}

// LRNMaxPoolArgmax is MaxPoolArgmax of LRN's result. Input: x of LRNMaxPool.
type LRNMaxPoolArgmax struct{ LRNMaxPool LRNMaxPool }

func (LRNMaxPoolArgmax) Name() string  { return "lrn_max_pool_argmax" }
func (LRNMaxPoolArgmax) Roles() []Role { return []Role{Activation} }

func (o LRNMaxPoolArgmax) Infer(in []Type) (Type, error) {
	if _, err := o.LRNMaxPool.LRN.Infer(in); err != nil {
		return Type{}, err
	}
	return MaxPoolArgmax{o.LRNMaxPool.Pool}.Infer(in)
}

func (o LRNMaxPoolArgmax) Primary() Op { return o.LRNMaxPool }

// LRNMaxPoolGrad is the gradient of LRNMaxPool: LRNGrad of MaxPoolGrad, with s computed from x again. With ReLU, x is
// what a rectifier made, and dx the gradient before it: 0 where x is not above 0.
// Inputs: x [batch, C, H, W]; argmax (uint8) and dy, both [batch, C, H', W']. Output: dx, of x's shape.
type LRNMaxPoolGrad struct {
	LRNMaxPool LRNMaxPool
	ReLU       bool
}

func (LRNMaxPoolGrad) Name() string  { return "lrn_max_pool_grad" }
func (LRNMaxPoolGrad) Roles() []Role { return []Role{Activation, Argmax, Activation} }

func (o LRNMaxPoolGrad) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}, rank{Uint8, 4}, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	y, err := o.LRNMaxPool.Infer(in[:1])
	if err != nil {
		return Type{}, err
	}
	if err := same("argmax", Type{Uint8, y.Shape}, in[1]); err != nil {
		return Type{}, err
	}
	return in[0], same("dy", y, in[2])
}
