//go:build gpu

package cuda

import "duet/engine/op"

// prepareReLU and prepareReLUGrad work on any shape, in place if need be.
func prepareReLU(b *builder, _ op.ReLU) {
	x, y := b.activation(0), b.output(b.activations())
	b.inPlace(0)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("relu_forward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, y, x, int64(n))
}

func prepareReLUGrad(b *builder, _ op.ReLUGrad) {
	y, dy, dx := b.activation(0), b.activation(1), b.output(b.activations())
	b.inPlace(1)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("relu_backward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, dx, y, dy, int64(n))
}
