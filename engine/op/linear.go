package op

import "fmt"

// Linear is a fully connected layer, with an optional rectifier:
//
//	y[n,o] = f( b[o] + sum_i x[n,i] * w[o,i] ),   f = max(., 0) with ReLU, else the identity.
//
// x: [batch, I], w: [O, I], b: [O], y: [batch, O].
type Linear struct{ ReLU bool }

func (Linear) Name() string  { return "linear" }
func (Linear) Roles() []Role { return []Role{Activation, Weight, Bias} }

func (o Linear) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 2}, rank{Float, 2}, rank{Float, 1}); err != nil {
		return Type{}, err
	}
	x, w, b := in[0].Shape, in[1].Shape, in[2].Shape
	if w[1] != x[1] || b[0] != w[0] {
		return Type{}, fmt.Errorf("weight is %v and bias %v for an input of %v", w, b, x)
	}
	return Floats(x[0], w[0]), nil
}

// Grad is, with dz as for Conv2D: the three operations below of dz.
func (o Linear) Grad(p Place, in []*Node, y, dy *Node) ([]*Node, error) {
	x, w := in[0], in[1]
	var c Chain
	dz := c.throughReLU(o.ReLU, p, y, dy)
	dx := c.Apply(LinearGradInput{}, p, w, dz)
	dw := c.Apply(LinearGradWeight{}, p, x, dz)
	db := c.Apply(LinearGradBias{}, p, x, dz)
	return []*Node{dx, dw, db}, c.Err
}

func (Linear) FLOPs(in []Type, out Type) float64 {
	return 2 * float64(out.Len()) * float64(in[0].Shape[1])
}

// LinearGradInput is dx[n,i] = sum_o dz[n,o] * w[o,i]. Inputs: w [O, I], dz [batch, O]. Output: dx [batch, I].
type LinearGradInput struct{}

func (LinearGradInput) Name() string  { return "linear_grad_input" }
func (LinearGradInput) Roles() []Role { return []Role{Weight, Activation} }

func (LinearGradInput) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 2}, rank{Float, 2}); err != nil {
		return Type{}, err
	}
	w, dz := in[0].Shape, in[1].Shape
	if w[0] != dz[1] {
		return Type{}, fmt.Errorf("weight is %v for a gradient of %v", w, dz)
	}
	return Floats(dz[0], w[1]), nil
}

func (LinearGradInput) FLOPs(in []Type, out Type) float64 {
	return 2 * float64(out.Len()) * float64(in[1].Shape[1])
}

// LinearGradWeight is dw[o,i] = sum_n dz[n,o] * x[n,i]. Inputs: x [batch, I], dz [batch, O]. Output: dw [O, I].
type LinearGradWeight struct{}

func (LinearGradWeight) Name() string  { return "linear_grad_weight" }
func (LinearGradWeight) Roles() []Role { return []Role{Activation, Activation} }

func (LinearGradWeight) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 2}, rank{Float, 2}); err != nil {
		return Type{}, err
	}
	x, dz := in[0].Shape, in[1].Shape
	if x[0] != dz[0] {
		return Type{}, fmt.Errorf("input is %v for a gradient of %v", x, dz)
	}
	return Floats(dz[1], x[1]), nil
}

func (LinearGradWeight) FLOPs(in []Type, out Type) float64 {
	return 2 * float64(out.Len()) * float64(in[0].Shape[0])
}

// LinearGradBias is db[o] = sum_n dz[n,o]. Inputs: x and dz as for LinearGradWeight, whose kernel computes both.
type LinearGradBias struct{}

func (LinearGradBias) Name() string  { return "linear_grad_bias" }
func (LinearGradBias) Roles() []Role { return []Role{Activation, Activation} }

func (LinearGradBias) Infer(in []Type) (Type, error) {
	w, err := LinearGradWeight{}.Infer(in)
	if err != nil {
		return Type{}, err
	}
	return Floats(w.Shape[0]), nil
}

func (LinearGradBias) Primary() Op { return LinearGradWeight{} }
