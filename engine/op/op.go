// Package op says what an operation is: its attributes, its formula, its shape rule and its gradient.
//
// An operation is a small comparable struct. Apply makes a node of a gorgonia graph from it; gorgonia.Grad then builds
// the gradients by calling Differentiable.Grad. How an operation is computed is a backend's matter (package backend);
// this package holds no arithmetic, and the formula in each file here is the one that every backend implements.
//
// Adding an operation costs a file here, one in each backend, and its conformance cases: docs/adding-an-op.md.
package op

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
)

// DType is what one element of a tensor is.
type DType uint8

const (
	Float  DType = iota // a real number, in the precision of the device: fp32, bf16, or fp64 on the reference backend
	Uint8               // pixels, and places in a pooling window
	Int32               // class labels
	Uint32              // seeds and counters
)

func (d DType) String() string {
	switch d {
	case Float:
		return "float"
	case Uint8:
		return "uint8"
	case Int32:
		return "int32"
	case Uint32:
		return "uint32"
	}
	return fmt.Sprintf("DType(%d)", uint8(d))
}

// Type is the type of a tensor: its elements and its shape. A scalar has an empty shape. Images are [batch, C, H, W].
type Type struct {
	DType DType
	Shape []int
}

// Floats is the type of a tensor of real numbers.
func Floats(shape ...int) Type { return Type{Float, shape} }

// Len is the number of elements; 1 for a scalar.
func (t Type) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Equal says whether elements and shape agree.
func (t Type) Equal(u Type) bool { return t.DType == u.DType && slices.Equal(t.Shape, u.Shape) }

func (t Type) String() string { return fmt.Sprintf("%v %v", t.DType, t.Shape) }

// Node is a node of gorgonia's expression graph.
type Node = gorgonia.Node

// Op is one operation with its attributes.
//
// Implementations are structs of plain comparable fields: two operations are the same when they are == to each other.
type Op interface {
	// Name is the key of the operation in every backend's table, such as "max_pool".
	Name() string
	// Roles are what the inputs are to the operation.
	Roles() []Role
	// Infer checks the types of the inputs and gives the type of the output.
	Infer(in []Type) (Type, error)
}

// Differentiable is an operation with gradients with respect to the inputs whose roles have one.
type Differentiable interface {
	Op
	// Grad builds the gradients with respect to the inputs: in are the inputs, out the output and dout its gradient.
	// An input of a role without gradient has a nil one.
	Grad(p Place, in []*Node, out, dout *Node) ([]*Node, error)
}

// Companion is an operation that the kernel of another one writes as its second output, such as the places of the
// maxima that max pooling finds. It has the same inputs as its primary. Graphs hold it as a node of its own; plans
// merge the two into one step.
type Companion interface {
	Op
	Primary() Op
}

// Costed is an operation whose arithmetic is worth counting.
type Costed interface {
	Op
	// FLOPs is the number of additions and multiplications of real numbers for inputs of these types.
	FLOPs(in []Type, out Type) float64
}

// FLOPs counts the operations of o, or 0 when o does not count them.
func FLOPs(o Op, in []Type, out Type) float64 {
	if c, ok := o.(Costed); ok {
		return c.FLOPs(in, out)
	}
	return 0
}

// Reshape is an operation whose output is its input in another shape, element by element: there is nothing to move.
type Reshape interface {
	Op
	Reshapes()
}

// Place says where a node belongs.
type Place struct {
	Device int    // index into the placement's devices
	Layer  string // the layer of the network, such as "conv2"
}

// want checks the number of inputs, their element types and their ranks; a rank of -1 allows any.
func want(in []Type, types ...rank) error {
	if len(in) != len(types) {
		return fmt.Errorf("takes %d inputs, got %d", len(types), len(in))
	}
	for i, w := range types {
		if in[i].DType != w.dtype || w.rank >= 0 && len(in[i].Shape) != w.rank {
			return fmt.Errorf("input %d is %v, want %v of rank %d", i, in[i], w.dtype, w.rank)
		}
		for _, d := range in[i].Shape {
			if d < 1 {
				return fmt.Errorf("input %d is %v, every extent must be at least 1", i, in[i])
			}
		}
	}
	return nil
}

type rank struct {
	dtype DType
	rank  int
}

// same checks that two types are equal.
func same(what string, a, b Type) error {
	if !a.Equal(b) {
		return fmt.Errorf("%s is %v, want %v", what, b, a)
	}
	return nil
}
