//go:build gpu

package cuda

import "duet/engine/op"

// prepareSGD updates the master, the velocity and, of a weight that has one, the bf16 copy.
func prepareSGD(b *builder, o op.SGD) {
	w, v, g, rate := b.stored(0), b.stored(1), b.input(2, float32s), b.input(3, float32s)
	if w.element != float32s || v.element != float32s || b.in[1].copied || !b.sameOrder(0, 1, 2) {
		b.fail("weight as %v, velocity as %v and gradient as %v, want f32 in one order, and the velocity without a copy",
			b.in[0], b.in[1], b.in[2])
		return
	}
	// Outputs are the memory of the inputs, which the caller sees to; the kernel writes through the outputs' addresses.
	weight, moved := b.outputAs(b.in[0]), b.outputAs(b.in[1])
	copied, peak := null, null
	if b.in[0].copied {
		copied = operand{space: outputs, index: 0, offset: b.in[0].copyOffset(), element: bfloat16, bytes: weight.bytes / 2}
	}
	if b.hasCompanion() {
		peak = b.output(float32s)
	}
	b.k.inPlace = 0
	const largest = uint64(0) // and done
	b.row("sgd_update", b.in[0].stored(), weight, moved, g, rate, copied, peak, o.Momentum, o.WeightDecay, o.RateMul,
		largest)
}
