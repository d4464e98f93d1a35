package reference

import (
	"fmt"
	"runtime"
	"sync"

	"duet/engine/backend"
	"duet/engine/op"
)

// evaluators are the threads of Evaluate, for the life of the process.
var evaluators = sync.OnceValue(func() *team { return newTeam(runtime.GOMAXPROCS(0)) })

// Evaluate computes one operation on host arrays: float64 when an array of real numbers is, else float32.
// It is op.Evaluate. Of SGD it writes the weight alone.
func Evaluate(o op.Op, out op.Array, in []op.Array) error {
	for _, a := range append(in[:len(in):len(in)], out) {
		if _, wide := a.Data.([]float64); wide {
			return evaluate[float64](o, out, in)
		}
	}
	return evaluate[float32](o, out, in)
}

func evaluate[T real](o op.Op, out op.Array, in []op.Array) error {
	e, ok := table[T]()[o.Name()]
	if !ok {
		return fmt.Errorf("%s: %w", o.Name(), backend.ErrNoKernel)
	}
	types, ins := make([]op.Type, len(in)), make([]tensor[T], len(in))
	for i, a := range in {
		types[i] = a.Type
		if err := ins[i].host(a); err != nil {
			return fmt.Errorf("%s: input %d: %w", o.Name(), i, err)
		}
	}
	want, err := o.Infer(types)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name(), err)
	}
	if !want.Equal(out.Type) {
		return fmt.Errorf("%s: output is %v, want %v", o.Name(), out.Type, want)
	}
	outs := make([]tensor[T], 1)
	if err := outs[0].host(out); err != nil {
		return fmt.Errorf("%s: output: %w", o.Name(), err)
	}
	p, ok := e.bind(o, outs, ins)
	if !ok {
		return fmt.Errorf("%s of %T: %w", o.Name(), o, backend.ErrNoKernel)
	}
	team := evaluators()
	team.run(&call{parts: p, memory: make([]float64, p.scratch*team.threads)})
	return nil
}

func (t *tensor[T]) host(a op.Array) error {
	n := -1
	t.shape = a.Shape
	switch data := a.Data.(type) {
	case []T:
		t.float, n = data, len(data)
		if a.DType != op.Float {
			n = -1
		}
	case []uint8:
		t.bytes, n = data, len(data)
		if a.DType != op.Uint8 {
			n = -1
		}
	case []int32:
		t.ints, n = data, len(data)
		if a.DType != op.Int32 {
			n = -1
		}
	case []uint32:
		t.words, n = data, len(data)
		if a.DType != op.Uint32 {
			n = -1
		}
	}
	if n != a.Len() {
		return fmt.Errorf("array %T for %v", a.Data, a.Type)
	}
	return nil
}
