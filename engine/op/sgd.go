package op

import "fmt"

// VelocityPrefix begins the name of a parameter's velocity, AveragePrefix that of its moving average, PeakPrefix that
// of the largest magnitude in its gradient. No parameter's own name may begin so.
const (
	VelocityPrefix = "momentum."
	AveragePrefix  = "ema."
	PeakPrefix     = "peak."
)

// Prefixes are all of them.
var Prefixes = []string{VelocityPrefix, AveragePrefix, PeakPrefix}

// SGD is stochastic gradient descent with momentum and weight decay, in place:
//
//	v = Momentum*v - rate*RateMul*(g + WeightDecay*w),   w = w + v
//
// The rate is inside v, as in the 2012 paper and Caffe; PyTorch keeps it outside. g is the mean over the batch.
//
// Inputs: w, v, g of one shape, rate [1]. Outputs: w and v, the same memory as the inputs. Always in fp32 or wider.
//
// Source: Krizhevsky, Sutskever, Hinton 2012, section 5; the multipliers are Caffe's lr_mult and decay_mult.
type SGD struct {
	Momentum, WeightDecay, RateMul float32
}

func (SGD) Name() string  { return "sgd" }
func (SGD) Roles() []Role { return []Role{Parameter, Velocity, Gradient, Rate} }

func (SGD) Updates() []int    { return []int{0, 1} }
func (o SGD) Peak() Companion { return GradientPeak{o} }

func (o SGD) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}, rank{Float, -1}, rank{Float, -1}, rank{Float, 1}); err != nil {
		return Type{}, err
	}
	if err := same("velocity", in[0], in[1]); err != nil {
		return Type{}, err
	}
	if err := same("gradient", in[0], in[2]); err != nil {
		return Type{}, err
	}
	if in[3].Len() != 1 {
		return Type{}, fmt.Errorf("rate is %v, want one number", in[3])
	}
	return in[0], nil
}

// GradientPeak is the largest magnitude in a gradient, max |g|; NaN where an element is. Inputs: those of SGD, whose
// kernel writes it as its last output while it reads g anyway. Output: [1].
type GradientPeak struct{ SGD SGD }

func (GradientPeak) Name() string    { return "gradient_peak" }
func (o GradientPeak) Roles() []Role { return o.SGD.Roles() }

func (o GradientPeak) Infer(in []Type) (Type, error) {
	_, err := o.SGD.Infer(in)
	return Floats(1), err
}

func (o GradientPeak) Primary() Op { return o.SGD }
