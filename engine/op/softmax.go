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

// SoftmaxLoss is the mean cross entropy (multinomial logistic loss) of a batch, in nats, with what each image should
// give: its label, and a share Smoothing of all classes alike; classes may count more or less:
//
//	loss = -1/batch * sum_n sum_k t[n,k] log p[n,k],   p = softmax(z)
//	t[n,k] = (1-Smoothing) * w[k] * [k == label[n]] + Smoothing/classes * w[k]
//
// Inputs: z [batch, classes], labels int32 [batch] in 0..classes-1; Weighted: w [classes], else 1. Output: a scalar. A
// label outside makes it NaN.
//
// Source: Szegedy et al. 2015, "Rethinking the inception architecture", section 7, weighted as PyTorch's
// CrossEntropyLoss has it, but for its mean, which is over the sum of the labels' weights.
type SoftmaxLoss struct {
	Smoothing float32 // 0 to below 1
	Weighted  bool
}

func (SoftmaxLoss) Name() string { return "softmax_loss" }

func (o SoftmaxLoss) Roles() []Role {
	if o.Weighted {
		return []Role{Score, Label, Statistic}
	}
	return []Role{Score, Label}
}

func (o SoftmaxLoss) Infer(in []Type) (Type, error) { return Floats(), o.check(in) }

func (o SoftmaxLoss) check(in []Type) error {
	if o.Weighted != (len(in) == 3) {
		return fmt.Errorf("inputs %v, want z, labels, and weights if Weighted", in)
	}
	if err := wantLabelled(in[:min(2, len(in))]); err != nil {
		return err
	}
	if classes := in[0].Shape[1]; o.Weighted && !in[2].Equal(Floats(classes)) {
		return fmt.Errorf("weights %v, want one for each of %d classes", in[2], classes)
	}
	if !(o.Smoothing >= 0 && o.Smoothing < 1) {
		return fmt.Errorf("smoothing %v, want 0 to below 1", o.Smoothing)
	}
	return nil
}

func (o SoftmaxLoss) Grad(p Place, in []*Node, _, dloss *Node) ([]*Node, error) {
	dz, err := Apply(SoftmaxLossGrad{o}, p, append([]*Node{in[0], in[1], dloss}, in[2:]...)...)
	return append([]*Node{dz}, make([]*Node, len(in)-1)...), err
}

// SoftmaxLossGrad is dz[n,k] = dloss/batch * (p[n,k] * sum_j t[n,j] - t[n,k]).
// Inputs: z, labels, dloss (a scalar); Weighted: w. Output: dz [batch, classes].
type SoftmaxLossGrad struct{ Loss SoftmaxLoss }

func (SoftmaxLossGrad) Name() string { return "softmax_loss_grad" }

func (o SoftmaxLossGrad) Roles() []Role {
	if o.Loss.Weighted {
		return []Role{Score, Label, Loss, Statistic}
	}
	return []Role{Score, Label, Loss}
}

func (o SoftmaxLossGrad) Infer(in []Type) (Type, error) {
	if len(in) < 3 || !in[2].Equal(Floats()) {
		return Type{}, fmt.Errorf("inputs %v, want z, labels and a scalar", in)
	}
	return in[0], o.Loss.check(append([]Type{in[0], in[1]}, in[3:]...))
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
