package op

import "fmt"

// LRN is local response normalisation across channels:
//
//	s[c] = K + alpha*sum_{|j-c|<=N/2} x[j]^2,   y[c] = x[c] * s[c]^-Beta
//
// at every place of every image; j stays inside c's group, so that a group is what a tower of its own would compute.
// alpha is Alpha/N when AlphaOverN (the 2012 source, Caffe), else Alpha (the paper's text).
//
// x, y: [batch, C, H, W].
//
// Source: Krizhevsky, Sutskever, Hinton 2012, section 3.3.
type LRN struct {
	N              int // window in channels, odd
	K, Alpha, Beta float32
	AlphaOverN     bool
	Groups         int
}

func (LRN) Name() string  { return "lrn" }
func (LRN) Roles() []Role { return []Role{Activation} }

// Coefficient is the factor of the sum of squares, alpha of the formula.
func (o LRN) Coefficient() float64 {
	if o.AlphaOverN {
		return float64(o.Alpha) / float64(o.N)
	}
	return float64(o.Alpha)
}

// Window is N, or, of so few channels that a narrower window holds all of a group from anywhere, the least such:
// backends compute with it, so that what a window costs is bounded by the channels.
func (o LRN) Window(channels int) int { return min(o.N, 2*(channels/o.Groups)-1) }

func (o LRN) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	switch c := in[0].Shape[1]; {
	case o.N < 1 || o.N%2 == 0:
		return Type{}, fmt.Errorf("window %d, want an odd number of maps", o.N)
	case o.Groups < 1 || c%o.Groups != 0:
		return Type{}, fmt.Errorf("%d groups do not divide %d maps", o.Groups, c)
	case !(o.K > 0) || !(o.Alpha >= 0) || !(o.Beta >= 0):
		return Type{}, fmt.Errorf("k %v, alpha %v, beta %v: want k above 0 and no negative alpha or beta", o.K, o.Alpha,
			o.Beta)
	}
	return in[0], nil
}

func (o LRN) Grad(p Place, in []*Node, _, dy *Node) ([]*Node, error) {
	var c Chain
	s := c.Apply(LRNScale{o}, p, in[0])
	dx := c.Apply(LRNGrad{o}, p, in[0], s, dy)
	return []*Node{dx}, c.Err
}

// LRNScale is s of the formula of LRN, kept for the gradient. Input: x. Output: s, of the same shape.
type LRNScale struct{ LRN LRN }

func (LRNScale) Name() string                    { return "lrn_scale" }
func (LRNScale) Roles() []Role                   { return []Role{Activation} }
func (o LRNScale) Infer(in []Type) (Type, error) { return o.LRN.Infer(in) }
func (o LRNScale) Primary() Op                   { return o.LRN }

// LRNGrad is the gradient of LRN:
//
//	dx[c] = dy[c] * s[c]^-Beta - 2*alpha*Beta * x[c] * sum_{|j-c|<=N/2} dy[j] * x[j] * s[j]^(-Beta-1)
//
// Inputs: x, s, dy. Output: dx. All [batch, C, H, W].
type LRNGrad struct{ LRN LRN }

func (LRNGrad) Name() string  { return "lrn_grad" }
func (LRNGrad) Roles() []Role { return []Role{Activation, Statistic, Activation} }

func (o LRNGrad) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 4}, rank{Float, 4}, rank{Float, 4}); err != nil {
		return Type{}, err
	}
	if err := same("s", in[0], in[1]); err != nil {
		return Type{}, err
	}
	if err := same("dy", in[0], in[2]); err != nil {
		return Type{}, err
	}
	return o.LRN.Infer(in[:1])
}
