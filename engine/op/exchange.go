package op

import "fmt"

// An exchange is where towers on different devices meet: every tower Sends its half to the devices that need the
// whole, and each of those Concats the halves in the order of the towers. Its gradient Slices the halves out again,
// Sends them home, and adds what comes from several devices.

// Send is its input on another device: y = x. Place.Device is the receiver. Any shape. Plans run it as a copy, with no
// kernel.
type Send struct {
	From     int
	Backward bool // it carries a gradient
}

func (Send) Name() string  { return "send" }
func (Send) Roles() []Role { return []Role{Activation} }

func (Send) Infer(in []Type) (Type, error) {
	if len(in) != 1 {
		return Type{}, fmt.Errorf("takes 1 input, got %d", len(in))
	}
	return in[0], nil
}

// Grad sends the gradient back.
func (o Send) Grad(p Place, _ []*Node, _, dy *Node) ([]*Node, error) {
	dx, err := Apply(Send{From: p.Device, Backward: true}, Place{o.From, p.Layer}, dy)
	return []*Node{dx}, err
}

// Concat joins two tensors along the channels (axis 1): [batch, A, ...] and [batch, B, ...] to [batch, A+B, ...].
type Concat struct{}

func (Concat) Name() string  { return "concat" }
func (Concat) Roles() []Role { return []Role{Activation, Activation} }

func (Concat) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	a, b := in[0].Shape, in[1].Shape
	if len(a) < 2 || len(a) != len(b) {
		return Type{}, fmt.Errorf("cannot join %v and %v along axis 1", a, b)
	}
	for i := range a {
		if i != 1 && a[i] != b[i] {
			return Type{}, fmt.Errorf("cannot join %v and %v along axis 1", a, b)
		}
	}
	y := append([]int(nil), a...)
	y[1] += b[1]
	return Floats(y...), nil
}

func (Concat) Grad(p Place, in []*Node, _, dy *Node) ([]*Node, error) {
	a, b := in[0].Shape()[1], in[1].Shape()[1]
	var c Chain
	da := c.Apply(Slice{0, a}, p, dy)
	db := c.Apply(Slice{a, a + b}, p, dy)
	return []*Node{da, db}, c.Err
}

// Slice is channels First up to, and without, End: [batch, C, ...] to [batch, End-First, ...].
type Slice struct{ First, End int }

func (Slice) Name() string  { return "slice" }
func (Slice) Roles() []Role { return []Role{Activation} }

func (o Slice) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	x := in[0].Shape
	if len(x) < 2 || o.First < 0 || o.First >= o.End || o.End > x[1] {
		return Type{}, fmt.Errorf("channels %d to %d of %v", o.First, o.End, x)
	}
	y := append([]int(nil), x...)
	y[1] = o.End - o.First
	return Floats(y...), nil
}

// Grad is dy at the slice's channels and 0 at the others: what the other channels were, times 0. Only a linear layer
// without exchange on a single device slices forward.
func (o Slice) Grad(p Place, in []*Node, _, dy *Node) ([]*Node, error) {
	var c Chain
	zeros := func(first, end int) *Node { return c.Apply(Scale{0}, p, c.Apply(Slice{first, end}, p, in[0])) }
	dx := dy
	if o.First > 0 {
		dx = c.Apply(Concat{}, p, zeros(0, o.First), dx)
	}
	if channels := in[0].Shape()[1]; o.End < channels {
		dx = c.Apply(Concat{}, p, dx, zeros(o.End, channels))
	}
	return []*Node{dx}, c.Err
}

// Add is y = a + b, elementwise, of one shape: what gorgonia inserts where a value is used more than once and the
// gradients of its uses meet.
type Add struct{}

func (Add) Name() string  { return "add" }
func (Add) Roles() []Role { return []Role{Activation, Activation} }

func (Add) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	return in[0], same("second term", in[0], in[1])
}
