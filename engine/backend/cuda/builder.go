//go:build gpu

package cuda

import (
	"fmt"
	"slices"

	"duet/engine/backend"
	"duet/engine/op"
)

// A builder lays out the launches of one kernel. Its methods note the first error, which the device's Prepare returns,
// so that the operations' files read as lists of what is launched.
type builder struct {
	d       *device
	r       backend.Request
	in      []*layout
	k       *kernel
	mask    operand // what a rectifier gave, of an op.Rectified; null for others
	failure error
}

// space is which of a kernel's buffers an operand lies in.
type space uint8

const (
	inputs space = iota
	outputs
	scratch
	none // a null pointer
)

// operand is a tensor, or bytes, that a launch reads or writes.
type operand struct {
	space   space
	index   int
	offset  int64
	element element
	bytes   int64
}

// null is the operand of an output that is not wanted.
var null = operand{space: none}

// activations is the element of activations on this device, and of the kernels for them.
func (b *builder) activations() element { return b.d.activations }

// fail notes an error.
func (b *builder) fail(format string, args ...any) {
	if b.failure == nil {
		b.failure = fmt.Errorf(format, args...)
	}
}

// stored is input i as it lies in memory; of a weight with a copy, the fp32 master.
func (b *builder) stored(i int) operand {
	l := b.in[i]
	return operand{space: inputs, index: i, element: l.element, bytes: int64(l.stored()) * l.element.size()}
}

// input is input i as elements of a type: as it lies in memory, a weight's copy, or converted into scratch first.
func (b *builder) input(i int, e element) operand {
	l := b.in[i]
	switch {
	case l.element == e:
		return b.stored(i)
	case l.copied && e == bfloat16:
		return operand{space: inputs, index: i, offset: l.copyOffset(), element: bfloat16,
			bytes: int64(l.stored()) * bfloat16.size()}
	case e > bfloat16 || l.element > bfloat16:
		b.fail("input %d is %v, want %v", i, l.element, e)
		return operand{}
	}
	converted := b.scratch(int64(l.stored()) * e.size())
	converted.element = e
	b.convert(converted, b.stored(i), l.stored())
	return converted
}

// activation is input i as an activation, maps channels-last: those that are uploaded in the host's order are brought
// into that here.
func (b *builder) activation(i int) operand {
	x, l := b.input(i, b.activations()), b.in[i]
	if l.order != rowMajor || len(l.shape) != 4 || b.failure != nil {
		return x
	}
	channels, places := l.shape[1], l.shape[2]*l.shape[3]
	if channels == 1 || places == 1 {
		return x
	}
	y := b.scratch(x.bytes)
	y.element = x.element
	b.transpose(y, x, l.shape[0], channels, places)
	return y
}

// elementwise are some inputs as activations and the next output, all in one order: the inputs', where they have one.
// The output may take the memory of the input at `over`.
func (b *builder) elementwise(over int, inputs ...int) (x []operand, y operand) {
	l := &layout{element: b.activations(), shape: slices.Clone(b.outShape(0)), order: activationOrder(b.outShape(0))}
	same := b.in[inputs[0]].order != patched && b.sameOrder(inputs[0], inputs[1:]...)
	if same {
		l.order = b.in[inputs[0]].order
	}
	for _, i := range inputs {
		if same {
			x = append(x, b.input(i, b.activations()))
		} else {
			x = append(x, b.activation(i))
		}
	}
	y = b.outputAs(l)
	b.inPlace(over)
	return x, y
}

// output is the next output, of the type that was asked for, of elements e: maps channels-last, all else row-major.
func (b *builder) output(e element) operand {
	i := len(b.k.out)
	if i >= len(b.r.OutTypes) {
		b.fail("an output too many")
		return operand{}
	}
	shape := slices.Clone(b.r.OutTypes[i].Shape)
	return b.outputAs(&layout{element: e, shape: shape, order: activationOrder(shape)})
}

// outputAs is the next output, in a layout.
func (b *builder) outputAs(l *layout) operand {
	b.k.out = append(b.k.out, l)
	return operand{space: outputs, index: len(b.k.out) - 1, element: l.element,
		bytes: int64(l.stored()) * l.element.size()}
}

// hasCompanion says whether the second output is wanted.
func (b *builder) hasCompanion() bool { return b.r.Companion != nil }

// scratch reserves memory that lives while the kernel runs.
func (b *builder) scratch(bytes int64) operand {
	o := operand{space: scratch, offset: aligned(b.k.scratch), bytes: bytes}
	b.k.scratch = o.offset + bytes
	return o
}

// inPlace says that the first output may take input i's memory; nothing where that input is converted first.
func (b *builder) inPlace(i int) {
	in := b.in[i]
	if first, ok := b.k.out[0].(*layout); ok && first.element == in.element && first.order == in.order && !in.copied {
		b.k.inPlace = i
	}
}

// sameOrder says whether inputs lie in one order.
func (b *builder) sameOrder(first int, others ...int) bool {
	for _, i := range others {
		if l := b.in[i]; l.order != b.in[first].order || l.block != b.in[first].block {
			return false
		}
	}
	return true
}

// dims are the extents of a grid or of a block; a zero is 1.
type dims struct{ x, y, z int }

// cover is a one-dimensional grid of blocks that has a thread for each of n elements; the kernels loop where a grid's
// limit cuts it short.
func cover(n int, block int) dims { return dims{x: min(max(1, ceilDiv(n, block)), maxGrid)} }

// maxGrid is more blocks than any GPU runs at once, below the limit of a grid's x.
const maxGrid = 1 << 20

func ceilDiv(n, d int) int { return (n + d - 1) / d }

// launch adds a launch of an entry of the PTX. Arguments are operands, int32, uint32, int64, uint64 and float32, as the
// entry's parameters want them; dynamic is the bytes of dynamic shared memory. A block of no size has as many threads
// as the entry may have at most, which is how many those must have that are written for a number of threads.
func (b *builder) launch(entry string, grid, block dims, dynamic int, args ...any) {
	l := b.call(entry, args)
	if b.failure != nil {
		return
	}
	l.grid, l.dynamic = grid.triple(), uint32(dynamic)
	if block == (dims{}) {
		block.x = l.function.entry.MaxThreads
	}
	l.block = block.triple()
	if err := l.check(b.d.limits); err != nil {
		b.fail("launch %v: %w", &l, err)
		return
	}
	b.k.steps = append(b.k.steps, l)
}

// call is a step of an entry with its arguments.
func (b *builder) call(entry string, args []any) step {
	s := step{kind: stepLaunch, name: entry}
	if b.failure != nil {
		return s
	}
	for i, a := range args {
		arg, err := argumentOf(a)
		if err != nil {
			b.fail("launch %s: argument %d: %w", entry, i, err)
			return s
		}
		s.args = append(s.args, arg)
	}
	var err error
	if s.function, err = b.d.module.function(entry); err != nil {
		b.fail("launch %s: %w", entry, err)
	}
	return s
}

// copy adds a copy of bytes within the device; nothing when both are the same memory, as of an output in place.
func (b *builder) copy(dst, src operand, bytes int64) {
	b.k.steps = append(b.k.steps, step{kind: stepCopy, name: "copy",
		args: []argument{{operand: dst, pointer: true}, {operand: src, pointer: true}}, bytes: bytes})
}

// convert adds a conversion of n elements between f32 and bf16.
func (b *builder) convert(dst, src operand, n int) {
	entry := fmt.Sprintf("convert_%v_%v", src.element, dst.element)
	b.launch(entry, cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, dst, src, int64(n))
}

// named is the name of a kernel for activations of this device's elements: lrn_forward_bf16.
func (b *builder) named(stem string) string { return stem + "_" + b.activations().String() }

// shape is input i's.
func (b *builder) shape(i int) []int { return b.r.InTypes[i].Shape }

// outShape is output i's.
func (b *builder) outShape(i int) []int { return b.r.OutTypes[i].Shape }

// prepare lays out the kernel of a request.
func prepare(d *device, r backend.Request, in []*layout) (*kernel, error) {
	b := &builder{d: d, r: r, in: in, k: &kernel{on: d, op: r.Op, in: in, inPlace: -1}, mask: null}
	if ok := table[r.Op.Name()](b, r.Op); !ok {
		return nil, fmt.Errorf("operation of type %T: %w", r.Op, backend.ErrNoKernel)
	}
	if b.failure != nil {
		return nil, b.failure
	}
	if len(b.k.out) != len(r.OutTypes) {
		return nil, fmt.Errorf("%d outputs were laid out, want %d", len(b.k.out), len(r.OutTypes))
	}
	return b.k, nil
}

// of adapts an entry to the table: it says false of an operation of another type under the same name.
func of[O op.Op](prepare func(*builder, O)) func(*builder, op.Op) bool {
	return func(b *builder, o op.Op) bool {
		mine, ok := o.(O)
		if ok {
			prepare(b, mine)
		}
		return ok
	}
}
