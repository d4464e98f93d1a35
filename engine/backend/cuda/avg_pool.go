//go:build gpu

package cuda

import "duet/engine/op"

func prepareAvgPool(b *builder, o op.AvgPool) {
	x, y := b.activation(0), b.output(b.activations())
	out := b.outShape(0)
	b.pool("avg_pool_forward", averageOf(o, b.shape(0), out), out[2], out[3], y, x)
}

func prepareAvgPoolGrad(b *builder, o op.AvgPoolGrad) {
	dy, dx := b.activation(0), b.output(b.activations())
	in := b.outShape(0)
	b.pool("avg_pool_backward", averageOf(o.Pool, in, b.shape(0)), in[2], in[3], dx, dy)
}

func averageOf(o op.AvgPool, in, out []int) pool {
	p := poolOf(op.MaxPool{Kernel: o.Kernel, Stride: o.Stride, Pad: o.Pad}, in, out)
	if o.CountPad {
		p.Padded = 1
	}
	return p
}
