//go:build gpu

package cuda

import "duet/engine/op"

func prepareMaxPool(b *builder, o op.MaxPool) {
	x, y, argmax := b.activation(0), b.output(b.activations()), null
	if b.hasCompanion() {
		argmax = b.output(bytes8)
	}
	in, out := b.shape(0), b.outShape(0)
	b.launch(b.named("max_pool_forward"), maps(out), dims{x: 256}, 0, append([]any{y, argmax, x}, pooling(in, out, o)...)...)
}

func prepareMaxPoolGrad(b *builder, o op.MaxPoolGrad) {
	argmax, dy, dx := b.input(0, bytes8), b.activation(1), b.output(b.activations())
	in, out := b.outShape(0), b.shape(1)
	b.launch(b.named("max_pool_backward"), maps(in), dims{x: 256}, 0, append([]any{dx, argmax, dy}, pooling(in, out, o.Pool)...)...)
}

// maps is a grid with a thread for each place of a map, and the maps along y.
func maps(shape []int) dims {
	return dims{x: ceilDiv(shape[2]*shape[3], 256), y: min(shape[0]*shape[1], maxGridY)}
}

// maxGridY is the driver's limit of y and z.
const maxGridY = 65535

func pooling(in, out []int, o op.MaxPool) []any {
	return []any{int32(in[0] * in[1]), int32(in[2]), int32(in[3]), int32(out[2]), int32(out[3]), int32(o.Kernel), int32(o.Stride), int32(o.Pad)}
}
