//go:build gpu

package cuda

import (
	"fmt"

	"duet/engine/op"
)

func prepareAdd(b *builder, _ op.Add) {
	x, y := b.elementwise(0, 0, 1)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("add_forward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, y, x[0], x[1], int64(n))
}

func prepareConcat(b *builder, _ op.Concat) {
	left, right, y := b.activation(0), b.activation(1), b.output(b.activations())
	first, second := b.rowBytes(b.shape(0)), b.rowBytes(b.shape(1))
	rows, all := rowsOf(b.shape(0)), first+second
	b.copyRows(y, left, rows, first, all, first, 0, 0)
	b.copyRows(y, right, rows, second, all, second, first, 0)
}

func prepareSlice(b *builder, o op.Slice) {
	x, y := b.activation(0), b.output(b.activations())
	all, part := b.rowBytes(b.shape(0)), b.rowBytes(b.outShape(0))
	b.copyRows(y, x, rowsOf(b.shape(0)), part, part, all, 0, all/int64(b.shape(0)[1])*int64(o.First))
}

// prepareSend is a copy within the device: plans run sends between devices themselves.
func prepareSend(b *builder, _ op.Send) {
	x, y := b.elementwise(0, 0)
	b.copy(y, x[0], y.bytes)
}

// rowsOf is how many rows of channels or features a tensor [batch, C, ...] has, one for each place of each image.
func rowsOf(shape []int) int { return op.Type{Shape: shape}.Len() / shape[1] }

// rowBytes is the size of such a row.
func (b *builder) rowBytes(shape []int) int64 { return int64(shape[1]) * b.activations().size() }

// pieces is Pieces of kernels/exchange.cu, all in units.
type pieces struct {
	Units                                    int64 // in all
	Row                                      divisor
	ToStride, ToFirst, FromStride, FromFirst int32
}

// copyRows copies rows of some bytes, from one stride to another, in the widest units that all of it is a multiple of.
func (b *builder) copyRows(to, from operand, count int, bytes, toStride, fromStride, toOffset, fromOffset int64) {
	unit := int64(2)
	for _, wider := range []int64{4, 8, 16} {
		if (bytes|toStride|fromStride|toOffset|fromOffset)%wider == 0 {
			unit = wider
		}
	}
	all := int(bytes/unit) * count
	b.within31("units of rows", all)
	b.launch(fmt.Sprintf("copy_rows_%d", unit), cover(all, 256), dims{x: 256}, 0, to, from, pieces{int64(all),
		divisorOf(int(bytes / unit)), int32(toStride / unit), int32(toOffset / unit), int32(fromStride / unit),
		int32(fromOffset / unit)})
}
