package reference

import (
	"fmt"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

// real is how a Float is stored: float32 in fp32, float64 in fp64.
type real interface{ float32 | float64 }

// tensor is an operand: its shape and its elements, in the slice of their type. While a kernel is prepared there are no
// elements yet.
type tensor[T real] struct {
	shape []int
	float []T
	bytes []uint8
	ints  []int32
	words []uint32
}

// binder makes a kernel for operands; it reads their shapes alone, and its parts their elements.
type binder[T real] func(o op.Op, out, in []tensor[T]) (parts, bool)

// entry is a line of the table.
type entry[T real] struct {
	bind    binder[T]
	inPlace int // the input whose memory the first output may take, or -1
}

// of adapts a kernel to the table: it says false of an operation of another type under the same name.
func of[O op.Op, T real](kernel func(o O, out, in []tensor[T]) parts) binder[T] {
	return func(o op.Op, out, in []tensor[T]) (parts, bool) {
		mine, ok := o.(O)
		if !ok {
			return parts{}, false
		}
		return kernel(mine, out, in), true
	}
}

// kernel is a prepared kernel of a device.
type kernel[T real] struct {
	on      *device
	op      op.Op
	entry   entry[T]
	in, out []op.Type
	layouts []backend.Layout // of the outputs
	inBytes []int64
	scratch int // float64 of one thread
}

func prepare[T real](d *device, r backend.Request) (*kernel[T], error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	e, ok := table[T]()[r.Op.Name()]
	if !ok {
		return nil, fmt.Errorf("%s: %w", r.Op.Name(), backend.ErrNoKernel)
	}
	k := &kernel[T]{on: d, op: r.Op, entry: e, in: r.InTypes, out: r.OutTypes}
	for i, l := range r.In {
		mine, err := d.own(l)
		if err != nil {
			return nil, fmt.Errorf("%s: input %d: %w", r.Op.Name(), i, err)
		}
		if mine != plain(r.InTypes[i], d.wide) {
			return nil, fmt.Errorf("%s: input %d: layout %v of %v", r.Op.Name(), i, l, r.InTypes[i])
		}
		k.inBytes = append(k.inBytes, mine.Bytes())
	}
	for _, t := range r.OutTypes {
		k.layouts = append(k.layouts, plain(t, d.wide))
	}
	p, ok := e.bind(r.Op, shapes[T](r.OutTypes), shapes[T](r.InTypes))
	if !ok {
		return nil, fmt.Errorf("%s of %T: %w", r.Op.Name(), r.Op, backend.ErrNoKernel)
	}
	k.scratch = p.scratch
	return k, nil
}

func shapes[T real](types []op.Type) []tensor[T] {
	ts := make([]tensor[T], len(types))
	for i, t := range types {
		ts[i].shape = t.Shape
	}
	return ts
}

func (k *kernel[T]) On() *worker.Host      { return k.on.Host }
func (k *kernel[T]) Out() []backend.Layout { return k.layouts }
func (k *kernel[T]) InPlace() int          { return k.entry.inPlace }
func (k *kernel[T]) String() string        { return "go:" + k.op.Name() }
func (k *kernel[T]) Scratch() int64        { return int64(k.scratch) * int64(k.on.team.threads) * 8 }

// Bind makes the job that runs the kernel on these bytes.
func (k *kernel[T]) Bind(in, out [][]byte, scratch []byte) (worker.Job, error) {
	if len(in) != len(k.in) || len(out) != len(k.out) {
		return nil, fmt.Errorf("%s: %d inputs and %d outputs, want %d and %d", k.op.Name(), len(in), len(out), len(k.in),
			len(k.out))
	}
	ins, outs := shapes[T](k.in), shapes[T](k.out)
	for i, data := range in {
		if int64(len(data)) < k.inBytes[i] {
			return nil, fmt.Errorf("%s: input %d has %d bytes, want %d", k.op.Name(), i, len(data), k.inBytes[i])
		}
		ins[i].view(k.in[i], data)
	}
	for i, data := range out {
		if int64(len(data)) < k.layouts[i].Bytes() {
			return nil, fmt.Errorf("%s: output %d has %d bytes, want %d", k.op.Name(), i, len(data), k.layouts[i].Bytes())
		}
		outs[i].view(k.out[i], data)
	}
	if int64(len(scratch)) < k.Scratch() {
		return nil, fmt.Errorf("%s: scratch has %d bytes, want %d", k.op.Name(), len(scratch), k.Scratch())
	}
	j := &job{team: k.on.team}
	j.call.parts, _ = k.entry.bind(k.op, outs, ins)
	j.call.memory = elements[float64](scratch, k.scratch*k.on.team.threads)
	return j, nil
}

func (t *tensor[T]) view(typ op.Type, data []byte) {
	switch n := typ.Len(); typ.DType {
	case op.Float:
		t.float = elements[T](data, n)
	case op.Uint8:
		t.bytes = data[:n]
	case op.Int32:
		t.ints = elements[int32](data, n)
	case op.Uint32:
		t.words = elements[uint32](data, n)
	}
}

type job struct {
	team *team
	call call
}

func (j *job) Run() error { j.team.run(&j.call); return nil }
