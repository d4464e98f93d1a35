//go:build gpu

package cuda

import "duet/engine/op"

func prepareLRN(b *builder, o op.LRN) {
	x, y, s := b.activation(0), b.output(b.activations()), null
	if b.hasCompanion() {
		s = b.output(float32s)
	}
	grid, block, sizes := columns(b, o)
	b.launch(b.named("lrn_forward"), grid, block, 0, append([]any{y, s, x}, sizes...)...)
}

func prepareLRNGrad(b *builder, o op.LRNGrad) {
	x, s, dy, dx := b.activation(0), b.input(1, float32s), b.activation(2), b.output(b.activations())
	grid, block, sizes := columns(b, o.LRN)
	b.launch(b.named("lrn_backward"), grid, block, 0, append([]any{dx, x, s, dy}, sizes...)...)
}

// columns gives each thread a place of a map and a chunk of a group's channels: all of them, or fewer where there would
// not be threads enough for a GPU.
func columns(b *builder, o op.LRN) (grid, block dims, sizes []any) {
	const threads, enough, least = 128, 1 << 18, 16
	n, c, area := b.shape(0)[0], b.shape(0)[1]/o.Groups, b.shape(0)[2]*b.shape(0)[3]
	chunk := c
	for chunk > least && n*o.Groups*area*ceilDiv(c, chunk) < enough {
		chunk = ceilDiv(chunk, 2)
	}
	grid = dims{x: ceilDiv(area, threads), y: o.Groups * ceilDiv(c, chunk), z: n}
	return grid, dims{x: threads}, []any{int32(o.Groups), int32(c), int32(area), int32(chunk), int32(o.N), o.K, float32(o.Coefficient()), o.Beta}
}
