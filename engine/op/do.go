package op

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Array is a tensor in host memory, row-major. Data is a []float32, []float64, []uint8, []int32 or []uint32 of
// Type.Len() elements; a Float's is []float32, or []float64 in gradient checks.
type Array struct {
	Type
	Data any
}

// Evaluate computes an operation on host arrays, without a companion. Package backend/reference sets it, for gorgonia's
// own TapeMachine, and for what tests expect.
var Evaluate = func(o Op, out, in []Array) error {
	return errors.New("op: no evaluator: import duet/engine/backend/reference")
}

// Do computes the operation into a new value. It is how gorgonia's TapeMachine, our oracle, runs a graph of ours.
func (a *Applied) Do(vs ...gorgonia.Value) (gorgonia.Value, error) {
	if len(a.out.Shape) > 0 {
		return a.UsePreallocDo(tensor.New(tensor.WithShape(a.out.Shape...), tensor.Of(dtypeOf(a.out.DType, a.float))), vs...)
	}
	if a.float == tensor.Float64 {
		var y [1]float64
		err := a.evaluate(y[:], vs)
		return gorgonia.NewF64(y[0]), err
	}
	var y [1]float32
	err := a.evaluate(y[:], vs)
	return gorgonia.NewF32(y[0]), err
}

// UsePreallocDo computes the operation into a value that gorgonia gives.
func (a *Applied) UsePreallocDo(prealloc gorgonia.Value, vs ...gorgonia.Value) (gorgonia.Value, error) {
	if len(a.out.Shape) == 0 {
		return a.Do(vs...)
	}
	out, err := raw(prealloc)
	if err != nil {
		return nil, err
	}
	return prealloc, a.evaluate(out, vs)
}

func (a *Applied) evaluate(out any, vs []gorgonia.Value) error {
	in := make([]Array, len(vs))
	for i, v := range vs {
		data, err := raw(v)
		if err != nil {
			return fmt.Errorf("%v: input %d: %w", a, i, err)
		}
		in[i] = Array{a.in[i], data}
	}
	if err := Evaluate(a.Op, []Array{{a.out, out}}, in); err != nil {
		return fmt.Errorf("%v: %w", a, err)
	}
	return nil
}

// raw is the slice behind a gorgonia value.
func raw(v gorgonia.Value) (any, error) {
	switch v := v.(type) {
	case *gorgonia.F32:
		return []float32{float32(*v)}, nil
	case *gorgonia.F64:
		return []float64{float64(*v)}, nil
	case *tensor.Dense:
		switch data := v.Data().(type) {
		case float32:
			return []float32{data}, nil
		case float64:
			return []float64{data}, nil
		default:
			return data, nil
		}
	}
	return nil, fmt.Errorf("no host array behind a %T", v)
}
