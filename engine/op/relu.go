package op

// ReLU is the rectifier: y = max(x, 0), elementwise; any shape. The gradient at 0 is 0.
//
// Of a NaN it is NaN, as in PyTorch, or 0, as a processor's max instruction in oneDNN has it; the gradient is 0.
type ReLU struct{}

func (ReLU) Name() string  { return "relu" }
func (ReLU) Roles() []Role { return []Role{Activation} }

func (ReLU) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	return in[0], nil
}

func (ReLU) Grad(p Place, _ []*Node, y, dy *Node) ([]*Node, error) {
	dx, err := Apply(ReLUGrad{}, p, y, dy)
	return []*Node{dx}, err
}

// ReLUGrad is dx = dy where y > 0, else 0. Inputs: y, the rectified output, and dy; both of one shape.
type ReLUGrad struct{}

func (ReLUGrad) Name() string  { return "relu_grad" }
func (ReLUGrad) Roles() []Role { return []Role{Activation, Activation} }

func (ReLUGrad) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	return in[0], same("dy", in[0], in[1])
}

// throughReLU is the gradient before an optional rectifier whose output was y.
func (c *Chain) throughReLU(relu bool, p Place, y, dy *Node) *Node {
	if !relu {
		return dy
	}
	return c.Apply(ReLUGrad{}, p, y, dy)
}
