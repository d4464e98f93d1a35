package op

import (
	"fmt"
	"slices"
)

// Rectified is a gradient, and behind it the gradient of the rectifier before its layer, as one operation:
//
//	dz = Grad(...) where y > 0, else 0
//
// Graphs have the two; a plan makes one operation of them where a device has a kernel for it, because what lies between
// them would be written and read for nothing else.
//
// Grad is of one of the types of Rectifiable. Inputs: those of Grad, and y, the rectified output, of the shape of
// Grad's output. Output: dz, of that shape.
type Rectified struct{ Grad Op }

func (o Rectified) Name() string  { return o.Grad.Name() + "_relu" }
func (o Rectified) Roles() []Role { return append(slices.Clip(o.Grad.Roles()), Activation) }

func (o Rectified) Infer(in []Type) (Type, error) {
	if len(in) == 0 {
		return Type{}, fmt.Errorf("takes %d inputs, got 0", len(o.Roles()))
	}
	last := len(in) - 1
	dz, err := o.Grad.Infer(in[:last])
	if err != nil {
		return Type{}, err
	}
	return dz, same("rectified output", dz, in[last])
}

// FLOPs are those of the gradient.
func (o Rectified) FLOPs(in []Type, out Type) float64 { return FLOPs(o.Grad, in[:len(in)-1], out) }

// Rectifiable has one of each kind of gradient whose kernels could have that of a rectifier behind them.
func Rectifiable() []Op { return []Op{Conv2DGradInput{}, LinearGradInput{}, MaxPoolGrad{}, Dropout{}} }
