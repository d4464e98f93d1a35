//go:build gpu

package cuda

import "duet/engine/op"

// prepareEMA updates the average and, where it has one, its bf16 copy.
func prepareEMA(b *builder, o op.EMA) {
	a, w := b.stored(0), b.stored(1)
	if a.element != float32s || w.element != float32s || !b.sameOrder(0, 1) {
		b.fail("average as %v and weight as %v, want both f32 in one order", b.in[0], b.in[1])
		return
	}
	// The output is the memory of the input, which the caller sees to; the kernel writes through the output's address.
	averaged, copied := b.outputAs(b.in[0]), null
	if b.in[0].copied {
		copied = operand{space: outputs, index: 0, offset: b.in[0].copyOffset(), element: bfloat16,
			bytes: averaged.bytes / 2}
	}
	b.k.inPlace = 0
	b.row("ema_update", b.in[0].stored(), averaged, w, copied, o.Decay)
}
