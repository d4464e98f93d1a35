package op

// Tanh is the hyperbolic tangent: y = tanh(x), elementwise; any shape. Of infinity it is exactly 1, with x's sign, and
// of a NaN it is NaN.
//
// It is what the paper compares its rectifier with: Krizhevsky, Sutskever, Hinton 2012, section 3.1 and figure 1.
type Tanh struct{}

func (Tanh) Name() string  { return "tanh" }
func (Tanh) Roles() []Role { return []Role{Activation} }

func (Tanh) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	return in[0], nil
}

func (Tanh) Grad(p Place, _ []*Node, y, dy *Node) ([]*Node, error) {
	dx, err := Apply(TanhGrad{}, p, y, dy)
	return []*Node{dx}, err
}

// TanhGrad is dx = dy * (1 - y^2). Inputs: y, the output of Tanh, and dy; both of one shape.
//
// Kernels compute it as dy * (1-y) * (1+y): where y is near 1, the rounding of y^2 would be most of the difference.
type TanhGrad struct{}

func (TanhGrad) Name() string  { return "tanh_grad" }
func (TanhGrad) Roles() []Role { return []Role{Activation, Activation} }

func (TanhGrad) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	return in[0], same("dy", in[0], in[1])
}
