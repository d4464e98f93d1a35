//go:build gpu

package cuda

import "duet/engine/op"

// prepareTanh and prepareTanhGrad work on any shape, in place if need be.
func prepareTanh(b *builder, _ op.Tanh) {
	x, y := b.activation(0), b.output(b.activations())
	b.inPlace(0)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("tanh_forward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, y, x, int64(n))
}

func prepareTanhGrad(b *builder, _ op.TanhGrad) {
	y, dy, dx := b.activation(0), b.activation(1), b.output(b.activations())
	b.inPlace(1)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("tanh_backward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, dx, y, dy, int64(n))
}
