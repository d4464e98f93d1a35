//go:build gpu

package cuda

import (
	"slices"

	"duet/engine/backend"
	"duet/engine/op"
)

// prepareFlatten and prepareUnflatten bring maps from channels last to the order of a checkpoint's features, and back,
// unless the pooling before writes them so, or the gradient of the pooling reads them so.
func prepareFlatten(b *builder, _ op.Flatten) {
	shape := b.shape(0)
	y := b.outputAs(&layout{element: b.activations(), shape: slices.Clone(b.outShape(0))})
	b.reorder(y, shape[0], shape[2]*shape[3], shape[1], b.in[0].order == rowMajor)
}

func prepareUnflatten(b *builder, _ op.Unflatten) {
	shape := b.outShape(0)
	l := &layout{element: b.activations(), shape: slices.Clone(shape), order: channelsLast}
	flat := b.readBy(func(o op.Op) bool {
		if both, is := o.(op.Rectified); is {
			o = both.Grad
		}
		_, is := o.(op.MaxPoolGrad)
		return is
	})
	if flat {
		l.order = rowMajor
	}
	b.reorder(b.outputAs(l), shape[0], shape[1], shape[2]*shape[3], flat)
}

// reorder makes y of the first input, whose images have rows and columns that are to be swapped, unless it lies as y
// should; then nothing is done in place.
func (b *builder) reorder(y operand, images, rows, columns int, same bool) {
	x := b.input(0, b.activations())
	if !same && rows > 1 && columns > 1 {
		b.transpose(y, x, images, rows, columns)
		return
	}
	if b.in[0].element == y.element {
		b.k.inPlace = 0
	}
	b.copy(y, x, y.bytes)
}

// readBy says whether all that reads the output is of a kind, and is known.
func (b *builder) readBy(kind func(op.Op) bool) bool {
	return len(b.r.Readers) > 0 &&
		!slices.ContainsFunc(b.r.Readers, func(use backend.Use) bool { return !kind(use.Op) })
}

// transpose swaps the rows and columns of images.
func (b *builder) transpose(y, x operand, images, rows, columns int) {
	b.within31("elements of an image", rows*columns)
	const side = 32
	grid := dims{x: ceilDiv(columns, side), y: ceilDiv(rows, side), z: min(images, maxGridY)}
	b.launch(b.named("transpose"), grid, dims{x: side, y: 8}, 0, y, x, int32(images), int32(rows), int32(columns))
}
