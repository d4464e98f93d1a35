//go:build gpu

package cuda

import (
	"math"

	"duet/engine/op"
)

func prepareMaxPool(b *builder, o op.MaxPool) {
	x, y, argmax := b.activation(0), b.output(b.activations()), null
	if b.hasCompanion() {
		argmax = b.output(bytes8)
	}
	in, out := b.shape(0), b.outShape(0)
	grid, block := maps(in, out[2]*out[3])
	b.launch(b.named("max_pool_forward"), grid, block, 0,
		append(append([]any{y, argmax, x}, b.pooled(in, out)...), windows(o)...)...)
}

func prepareMaxPoolGrad(b *builder, o op.MaxPoolGrad) {
	argmax, dy, dx := b.input(0, bytes8), b.activation(1), b.output(b.activations())
	in, out := b.outShape(0), b.shape(1)
	args := append([]any{dx, argmax, dy}, b.pooled(in, out)...)
	if p := o.Pool; p.Kernel == 3 && p.Stride == 2 && p.Pad == 0 {
		grid, block := maps(in, ceilDiv(in[2], 2)*ceilDiv(in[3], 2))
		b.launch(b.named("max_pool_backward_squares"), grid, block, 0, args...)
		return
	}
	grid, block := maps(in, in[2]*in[3])
	b.launch(b.named("max_pool_backward"), grid, block, 0, append(args, windows(o.Pool)...)...)
}

// maps is a grid with a thread for each of some places of a map, in as few blocks as can be and those as small as can
// be, and the maps along y.
func maps(shape []int, places int) (grid, block dims) {
	const threads, warp = 256, 32
	blocks := ceilDiv(places, threads)
	return dims{x: blocks, y: min(shape[0]*shape[1], maxGridY)}, dims{x: ceilDiv(ceilDiv(places, blocks), warp) * warp}
}

// maxGridY is the driver's limit of y and z.
const maxGridY = 65535

// pooled are the kernels' arguments for the extents of both sides. The kernels count the places of a map, the maps, and
// the block that begins past the last place in 32 bits.
func (b *builder) pooled(in, out []int) []any {
	const most = math.MaxInt32 - 1<<10
	if in[0]*in[1] > most || in[2]*in[3] > most || out[2]*out[3] > most {
		b.fail("pooling of %v: more than %d maps, or elements of a map", in, most)
	}
	return []any{int32(in[0] * in[1]), int32(in[2]), int32(in[3]), int32(out[2]), int32(out[3])}
}

func windows(o op.MaxPool) []any { return []any{int32(o.Kernel), int32(o.Stride), int32(o.Pad)} }
