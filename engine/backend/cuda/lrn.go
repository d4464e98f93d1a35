//go:build gpu

package cuda

import (
	"math"

	"duet/engine/op"
)

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

// columns gives each thread a place of an image and a chunk of a group's channels.
func columns(b *builder, o op.LRN) (grid, block dims, sizes []any) {
	const threads = 128
	n, c, area := b.shape(0)[0], b.shape(0)[1]/o.Groups, b.shape(0)[2]*b.shape(0)[3]
	window := o.Window(b.shape(0)[1])
	// The kernel counts places, and the elements of a group with some channels past its end, in 32 bits.
	if n*area > math.MaxInt32 || (c+window+chunkSteps)*area > math.MaxInt32 {
		b.fail("lrn of %v: more than %d places, or elements of an image", b.shape(0), math.MaxInt32)
		return
	}
	chunk := chunkOf(c, n*o.Groups*area)
	grid = dims{x: ceilDiv(n*area, threads), y: o.Groups * ceilDiv(c, chunk)}
	return grid, dims{x: threads}, []any{uint32(n * area), int32(o.Groups), int32(c), int32(area), int32(chunk),
		int32(window), o.K, float32(o.Coefficient()), o.Beta}
}

// chunkSteps is how many channels the kernels take at a time.
const chunkSteps = 4

// chunkOf is how many of the channels a thread walks, all of them, or fewer where there
// would not be threads enough for a GPU, of which there are so many for a chunk of all.
func chunkOf(channels, threads int) int {
	const enough, least = 1 << 18, 16
	chunk := channels
	for chunk > least && threads*ceilDiv(channels, chunk) < enough {
		chunk = ceilDiv(chunk, 2*chunkSteps) * chunkSteps
	}
	return chunk
}
