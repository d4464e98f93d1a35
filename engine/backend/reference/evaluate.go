package reference

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"duet/engine/backend"
	"duet/engine/op"
)

// evaluators are the threads of Evaluate, for the life of the process.
var evaluators = sync.OnceValue(func() *team { return newTeam(runtime.GOMAXPROCS(0)) })

// Evaluate computes one operation on host arrays: float64 when an array of real numbers is, else float32.
// It is op.Evaluate.
func Evaluate(o op.Op, out, in []op.Array) error {
	for _, a := range slices.Concat(in, out) {
		if _, wide := a.Data.([]float64); wide {
			return evaluate[float64](o, out, in)
		}
	}
	return evaluate[float32](o, out, in)
}

func evaluate[T real](o op.Op, out, in []op.Array) error {
	e, ok := table[T]()[o.Name()]
	if !ok {
		return fmt.Errorf("%s: %w", o.Name(), backend.ErrNoKernel)
	}
	ins, types, err := host[T](in)
	if err != nil {
		return fmt.Errorf("%s: input %w", o.Name(), err)
	}
	want, err := op.Outputs(o, nil, types)
	if err != nil {
		return err
	}
	outs, types, err := host[T](out)
	if err != nil {
		return fmt.Errorf("%s: output %w", o.Name(), err)
	}
	if !slices.EqualFunc(types, want, op.Type.Equal) {
		return fmt.Errorf("%s: outputs are %v, want %v", o.Name(), types, want)
	}
	p, ok := e.bind(o, outs, ins)
	if !ok {
		return fmt.Errorf("%s of %T: %w", o.Name(), o, backend.ErrNoKernel)
	}
	team := evaluators()
	team.run(&call{parts: p, memory: make([]float64, p.scratch*team.threads)})
	return nil
}

func host[T real](arrays []op.Array) ([]tensor[T], []op.Type, error) {
	ts, types := make([]tensor[T], len(arrays)), make([]op.Type, len(arrays))
	for i, a := range arrays {
		types[i] = a.Type
		if err := ts[i].host(a); err != nil {
			return nil, nil, fmt.Errorf("%d: %w", i, err)
		}
	}
	return ts, types, nil
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
