package op

import "fmt"

// Softmax is p[n,k] = exp(z[n,k]) / sum_j exp(z[n,j]). z, p: [batch, classes].
type Softmax struct{}

func (Softmax) Name() string  { return "softmax" }
func (Softmax) Roles() []Role { return []Role{Score} }

func (Softmax) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, 2}); err != nil {
		return Type{}, err
	}
	return in[0], nil
}

// SoftmaxLoss is the mean cross entropy (multinomial logistic loss) of a batch, in nats:
//
//	loss = -1/batch * sum_n log p[n, label[n]],   p = softmax(z)
//
// Inputs: z [batch, classes], labels int32 [batch] in 0..classes-1. Output: a scalar. A label outside makes it NaN.
type SoftmaxLoss struct{}

func (SoftmaxLoss) Name() string  { return "softmax_loss" }
func (SoftmaxLoss) Roles() []Role { return []Role{Score, Label} }

func (SoftmaxLoss) Infer(in []Type) (Type, error) {
	if err := wantLabelled(in); err != nil {
		return Type{}, err
	}
	return Floats(), nil
}

func (SoftmaxLoss) Grad(p Place, in []*Node, _, dloss *Node) ([]*Node, error) {
	dz, err := Apply(SoftmaxLossGrad{}, p, in[0], in[1], dloss)
	return []*Node{dz, nil}, err
}

// SoftmaxLossGrad is dz[n,k] = dloss/batch * (p[n,k] - [k == label[n]]).
// Inputs: z, labels, dloss (a scalar). Output: dz [batch, classes].
type SoftmaxLossGrad struct{}

func (SoftmaxLossGrad) Name() string  { return "softmax_loss_grad" }
func (SoftmaxLossGrad) Roles() []Role { return []Role{Score, Label, Loss} }

func (SoftmaxLossGrad) Infer(in []Type) (Type, error) {
	if len(in) != 3 || !in[2].Equal(Floats()) {
		return Type{}, fmt.Errorf("inputs %v, want z, labels and a scalar", in)
	}
	return in[0], wantLabelled(in[:2])
}

// TopErrors counts wrong answers: y[0] is the share of the batch whose label does not have the largest z (top-1
// error), y[1] the share whose label is not among the five largest (top-5 error; with five classes or fewer, 0).
// Of equal z the lower class comes first. Inputs: z [batch, classes], labels int32 [batch]. Output: [2].
type TopErrors struct{}

func (TopErrors) Name() string  { return "top_errors" }
func (TopErrors) Roles() []Role { return []Role{Score, Label} }

func (TopErrors) Infer(in []Type) (Type, error) {
	if err := wantLabelled(in); err != nil {
		return Type{}, err
	}
	return Floats(2), nil
}

func wantLabelled(in []Type) error {
	if err := want(in, rank{Float, 2}, rank{Int32, 1}); err != nil {
		return err
	}
	if in[0].Shape[0] != in[1].Shape[0] {
		return fmt.Errorf("%d labels for a batch of %d", in[1].Shape[0], in[0].Shape[0])
	}
	return nil
}
