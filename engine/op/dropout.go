package op

import "fmt"

// Dropout zeroes each feature with probability Rate:
//
//	y[n,f] = x[n,f] * m[n,f] * k,   m = 0 when word (n*Width + First + f) of the stream < Rate * 2^32, else 1
//
// k is 1, or 1/(1-Rate) with Inverted. The stream is rng.New(seed, rng.Dropout, Stream, step) of package rng, and
// (n, First+f) counts over the whole layer: a tower that holds features First to First+F of Width draws the mask that
// the whole layer would, so the placement does not change it.
//
// Inputs: x [batch, F], counters uint32 [4] = seed (low, high half), step, 0. Output: y [batch, F].
//
// Source: Krizhevsky, Sutskever, Hinton 2012, section 4.2; outputs are then multiplied by 1-Rate at test time (Scale),
// unless Inverted.
type Dropout struct {
	Rate         float32
	Inverted     bool
	Width, First int
	Stream       uint32
}

func (Dropout) Name() string  { return "dropout" }
func (Dropout) Roles() []Role { return []Role{Activation, Counter} }

// Threshold is Rate as a 32-bit word: words below it are dropped.
func (o Dropout) Threshold() uint32 { return uint32(float64(o.Rate) * (1 << 32)) }

// Factor is k of the formula.
func (o Dropout) Factor() float32 {
	if o.Inverted {
		return 1 / (1 - o.Rate)
	}
	return 1
}

func (o Dropout) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 2}, rank{Uint32, 1}); err != nil {
		return Type{}, err
	}
	switch {
	case !(o.Rate >= 0 && o.Rate < 1):
		return Type{}, fmt.Errorf("rate %v, want 0 to below 1", o.Rate)
	case o.First < 0 || o.First+in[0].Shape[1] > o.Width:
		return Type{}, fmt.Errorf("features %d to %d of a layer of %d", o.First, o.First+in[0].Shape[1], o.Width)
	case in[1].Shape[0] != 4:
		return Type{}, fmt.Errorf("counters are %v, want 4", in[1])
	}
	return in[0], nil
}

// Grad draws the same mask again instead of keeping it: dx = dy * m * k is Dropout of dy.
func (o Dropout) Grad(p Place, in []*Node, _, dy *Node) ([]*Node, error) {
	dx, err := Apply(o, p, dy, in[1])
	return []*Node{dx, nil}, err
}

// Scale is y = Factor * x, elementwise; any shape.
type Scale struct{ Factor float32 }

func (Scale) Name() string  { return "scale" }
func (Scale) Roles() []Role { return []Role{Activation} }

func (Scale) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	return in[0], nil
}

func (o Scale) Grad(p Place, _ []*Node, _, dy *Node) ([]*Node, error) {
	dx, err := Apply(o, p, dy)
	return []*Node{dx}, err
}
