package op

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Apply makes a node: o applied to the inputs at a place.
func Apply(o Op, p Place, in ...*Node) (*Node, error) {
	types := make([]Type, len(in))
	float := tensor.Float32
	for i, n := range in {
		t, err := TypeOf(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: input %d: %w", p.Layer, o.Name(), i, err)
		}
		types[i] = t
		if n.Dtype() == tensor.Float64 {
			float = tensor.Float64
		}
	}
	out, err := o.Infer(types)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", p.Layer, o.Name(), err)
	}
	n, err := gorgonia.ApplyOp(&Applied{Op: o, Place: p, in: types, out: out, float: float}, in...)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", p.Layer, o.Name(), err)
	}
	return n, nil
}

// Chain applies operations up to the first error; what it gives after that is nil.
type Chain struct{ Err error }

// Apply is Apply, whose error is kept.
func (c *Chain) Apply(o Op, p Place, in ...*Node) *Node {
	if c.Err != nil {
		return nil
	}
	var n *Node
	n, c.Err = Apply(o, p, in...)
	return n
}

// Leaf makes an input or a parameter. Its name must be unique in the graph: gorgonia merges leaves of one name.
// wide asks for float64, which only gradient checks use.
func Leaf(g *gorgonia.ExprGraph, name string, t Type, wide bool) *Node {
	float := tensor.Float32
	if wide {
		float = tensor.Float64
	}
	if len(t.Shape) == 0 {
		return gorgonia.NewScalar(g, dtypeOf(t.DType, float), gorgonia.WithName(name))
	}
	return gorgonia.NewTensor(g, dtypeOf(t.DType, float), len(t.Shape), gorgonia.WithName(name),
		gorgonia.WithShape(t.Shape...))
}

// TypeOf is the type of a node's value.
func TypeOf(n *Node) (Type, error) {
	shape := append([]int(nil), n.Shape()...)
	switch n.Dtype() {
	case tensor.Float32, tensor.Float64:
		return Type{Float, shape}, nil
	case tensor.Uint8:
		return Type{Uint8, shape}, nil
	case tensor.Int32:
		return Type{Int32, shape}, nil
	case tensor.Uint32:
		return Type{Uint32, shape}, nil
	}
	return Type{}, fmt.Errorf("%v has elements %v, which no operation takes", n, n.Dtype())
}

func dtypeOf(d DType, float tensor.Dtype) tensor.Dtype {
	switch d {
	case Uint8:
		return tensor.Uint8
	case Int32:
		return tensor.Int32
	case Uint32:
		return tensor.Uint32
	}
	return float
}

// Applied is an operation at its place in a graph: the adapter between this package and gorgonia.Op.
type Applied struct {
	Op
	Place
	in    []Type
	out   Type
	float tensor.Dtype
}

// In and Out are the types of the inputs and of the output.
func (a *Applied) In() []Type { return a.in }
func (a *Applied) Out() Type  { return a.out }

// Arity is the number of inputs.
func (a *Applied) Arity() int { return len(a.in) }

// Type is a new function type on every call, since gorgonia returns it to a pool.
func (a *Applied) Type() hm.Type {
	types := make([]hm.Type, 0, len(a.in)+1)
	for _, t := range append(a.in[:len(a.in):len(a.in)], a.out) {
		dtype := dtypeOf(t.DType, a.float)
		if len(t.Shape) == 0 {
			types = append(types, dtype)
			continue
		}
		types = append(types, gorgonia.TensorType{Dims: len(t.Shape), Of: dtype})
	}
	return hm.NewFnType(types...)
}

// InferShape gives the shape that Apply inferred.
func (a *Applied) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	if len(a.out.Shape) == 0 {
		return tensor.ScalarShape(), nil
	}
	return append(tensor.Shape(nil), a.out.Shape...), nil
}

// ReturnsPtr, CallsExtern and OverwritesInput tell gorgonia's own machine that the output is a tensor of its own.
func (a *Applied) ReturnsPtr() bool     { return len(a.out.Shape) > 0 }
func (a *Applied) CallsExtern() bool    { return false }
func (a *Applied) OverwritesInput() int { return -1 }

// WriteHash tells operations apart: gorgonia merges nodes of equal hash and equal inputs.
func (a *Applied) WriteHash(h hash.Hash) {
	fmt.Fprintf(h, "%s %#v %v %v", a.Name(), a.Op, a.Place, a.in)
}

// Hashcode is WriteHash in 32 bits.
func (a *Applied) Hashcode() uint32 {
	h := fnv.New32a()
	a.WriteHash(h)
	return h.Sum32()
}

func (a *Applied) String() string { return fmt.Sprintf("%s.%s/%d", a.Layer, a.Name(), a.Device) }

// DiffWRT says which inputs have a gradient.
func (a *Applied) DiffWRT(inputs int) []bool {
	wrt := make([]bool, inputs)
	if _, ok := a.Op.(Differentiable); ok {
		for i, role := range a.Roles() {
			wrt[i] = role.differentiable()
		}
	}
	return wrt
}

// SymDiff builds the gradients and checks their shapes, which gorgonia does not.
func (a *Applied) SymDiff(in gorgonia.Nodes, out, dout *Node) (gorgonia.Nodes, error) {
	d, ok := a.Op.(Differentiable)
	if !ok {
		return nil, fmt.Errorf("%v is not differentiable", a)
	}
	grads, err := d.Grad(a.Place, in, out, dout)
	if err != nil {
		return nil, err
	}
	for i, role := range a.Roles() {
		switch {
		case role.differentiable() != (grads[i] != nil):
			return nil, fmt.Errorf("%v: gradient %d is %v", a, i, grads[i])
		case grads[i] != nil && !grads[i].Shape().Eq(in[i].Shape()):
			return nil, fmt.Errorf("%v: gradient %d has shape %v, its input %v", a, i, grads[i].Shape(), in[i].Shape())
		}
	}
	return grads, nil
}

var (
	_ gorgonia.SDOp            = (*Applied)(nil)
	_ gorgonia.UsePreallocDoer = (*Applied)(nil)
)
