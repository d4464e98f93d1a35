//go:build gpu

package cuda

import "duet/engine/op"

// prepareTanh and prepareTanhGrad work on any shape, in place if need be.
func prepareTanh(b *builder, _ op.Tanh) {
	x, y := b.elementwise(0, 0)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("tanh_forward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, y, x[0], int64(n))
}

func prepareTanhGrad(b *builder, _ op.TanhGrad) {
	x, dx := b.elementwise(1, 0, 1)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("tanh_backward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, dx, x[0], x[1], int64(n))
}
