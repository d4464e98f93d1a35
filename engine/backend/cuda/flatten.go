//go:build gpu

package cuda

import "duet/engine/op"

// prepareFlatten and prepareUnflatten bring maps from channels last to the order of a checkpoint's features, and back.
func prepareFlatten(b *builder, _ op.Flatten) { b.transpose(b.shape(0), true) }

func prepareUnflatten(b *builder, _ op.Unflatten) { b.transpose(b.outShape(0), false) }

// transpose swaps places and channels of the images of a shape [batch, C, H, W].
func (b *builder) transpose(shape []int, flatten bool) {
	x, y := b.activation(0), b.output(b.activations())
	rows, columns := shape[2]*shape[3], shape[1]
	if !flatten {
		rows, columns = columns, rows
	}
	if rows == 1 || columns == 1 { // one order is the other
		b.inPlace(0)
		b.copy(y, x, y.bytes)
		return
	}
	b.within31("elements of an image", rows*columns)
	const side = 32
	grid := dims{x: ceilDiv(columns, side), y: ceilDiv(rows, side), z: min(shape[0], maxGridY)}
	b.launch(b.named("transpose"), grid, dims{x: side, y: 8}, 0, y, x, int32(shape[0]), int32(rows), int32(columns))
}
