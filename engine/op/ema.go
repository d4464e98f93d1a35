package op

import "fmt"

// EMA is the exponential moving average of a parameter, in place:
//
//	a = Decay*a + (1 - Decay)*w
//
// Inputs: a, w of one shape. Output: a, the same memory as the input. Always in fp32 or wider. It follows the update of
// the parameter, so that w is what a step has come to.
//
// Source: Polyak, Juditsky 1992, "Acceleration of stochastic approximation by averaging", with weights that fade; it is
// what PyTorch Image Models and torchvision call --model-ema.
type EMA struct{ Decay float32 }

func (EMA) Name() string    { return "ema" }
func (EMA) Roles() []Role   { return []Role{Average, Parameter} }
func (EMA) Updates() []int  { return []int{0} }
func (EMA) Peak() Companion { return nil }

func (o EMA) Infer(in []Type) (Type, error) {
	if err := want(in, rank{Float, -1}, rank{Float, -1}); err != nil {
		return Type{}, err
	}
	if !(o.Decay >= 0 && o.Decay < 1) {
		return Type{}, fmt.Errorf("decay %v, want 0 to below 1", o.Decay)
	}
	return in[0], same("parameter", in[0], in[1])
}
