//go:build gpu

package cuda

import "duet/engine/op"

func prepareAvgPool(b *builder, o op.AvgPool) {
	x, y := b.activation(0), b.output(b.activations())
	in, out := b.shape(0), b.outShape(0)
	grid, block := maps(in, out[2]*out[3])
	b.launch(b.named("avg_pool_forward"), grid, block, 0, b.averaged([]any{y, x}, o, in, out)...)
}

func prepareAvgPoolGrad(b *builder, o op.AvgPoolGrad) {
	dy, dx := b.activation(0), b.output(b.activations())
	in, out := b.outShape(0), b.shape(0)
	grid, block := maps(in, in[2]*in[3])
	b.launch(b.named("avg_pool_backward"), grid, block, 0, b.averaged([]any{dx, dy}, o.Pool, in, out)...)
}

// averaged are the arguments of both kernels, after their tensors.
func (b *builder) averaged(tensors []any, o op.AvgPool, in, out []int) []any {
	padded := int32(0)
	if o.CountPad {
		padded = 1
	}
	return append(append(tensors, b.pooled(in, out)...), int32(o.Kernel), int32(o.Stride), int32(o.Pad), padded)
}
