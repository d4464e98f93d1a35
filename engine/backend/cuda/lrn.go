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
	b.lrn("lrn_forward", o, y, s, x)
}

func prepareLRNGrad(b *builder, o op.LRNGrad) {
	x, s, dy, dx := b.activation(0), b.input(1, float32s), b.activation(2), b.output(b.activations())
	b.lrn("lrn_backward", o.LRN, dx, x, s, dy)
}

// normalisation is Normalisation of kernels/lrn.h.
type normalisation struct{ K, Alpha, Beta float32 }

func normalisationOf(o op.LRN) normalisation {
	return normalisation{K: o.K, Alpha: float32(o.Coefficient()), Beta: o.Beta}
}

// lrn launches a kernel with a thread for each piece of a place's channels.
func (b *builder) lrn(stem string, o op.LRN, tensors ...any) {
	images, channels, area := b.shape(0)[0], b.shape(0)[1], b.shape(0)[2]*b.shape(0)[3]
	group, window := channels/o.Groups, o.Window(channels)
	// The kernels count an image's elements, and the threads of a block that begins past the last, in 32 bits.
	const most = math.MaxInt32 - 1<<10
	if area*channels > most {
		b.fail("lrn of %v: more than %d elements of an image", b.shape(0), most)
		return
	}
	kernel, lanes := b.pieces(stem, group)
	if window < leastWindow || window > mostWindow {
		kernel, lanes = b.named(stem+"_scalar"), 1
	}
	grid, block := spread(images, area*channels/lanes)
	b.launch(kernel, grid, block, 0, append(tensors, struct { // LRN of kernels/lrn.cu
		Normalisation                         normalisation
		Window, Images, Area, Channels, Group int32
		Pieces                                divisor
	}{normalisationOf(o), int32(window), int32(images), int32(area), int32(channels), int32(group),
		divisorOf(channels / lanes)})...)
}
