package op

import "fmt"

// Flatten is [batch, C, H, W] as [batch, C*H*W], in that order: feature c*H*W + h*W + w.
type Flatten struct{}

func (Flatten) Name() string  { return "flatten" }
func (Flatten) Roles() []Role { return []Role{Activation} }
func (Flatten) Reshapes()     {}

func (Flatten) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	x := in[0].Shape
	return Floats(x[0], x[1]*x[2]*x[3]), nil
}

func (Flatten) Grad(p Place, in []*Node, _, dy *Node) ([]*Node, error) {
	x := in[0].Shape()
	dx, err := Apply(Unflatten{x[1], x[2], x[3]}, p, dy)
	return []*Node{dx}, err
}

// Unflatten is [batch, C*H*W] as [batch, C, H, W]: the gradient of Flatten.
type Unflatten struct{ C, H, W int }

func (Unflatten) Name() string  { return "unflatten" }
func (Unflatten) Roles() []Role { return []Role{Activation} }
func (Unflatten) Reshapes()     {}

func (o Unflatten) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 2}); err != nil {
		return Type{}, err
	}
	x := in[0].Shape
	if x[1] != o.C*o.H*o.W {
		return Type{}, fmt.Errorf("%d features do not make %d x %d x %d", x[1], o.C, o.H, o.W)
	}
	return Floats(x[0], o.C, o.H, o.W), nil
}
