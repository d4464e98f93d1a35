//go:build gpu

package cuda

import "duet/engine/op"

func prepareAugment(b *builder, o op.Augment) {
	images, draws, mean, y := b.input(0, bytes8), b.input(1, float32s), b.input(2, float32s), b.output(b.activations())
	in, m := b.shape(0), b.shape(2)
	whole := int32(0)
	if m[1] > 1 || m[2] > 1 {
		whole = 1
	}
	grid := dims{x: ceilDiv(o.Crop, 64), y: ceilDiv(o.Crop, 4), z: min(in[0], maxGridY)}
	b.launch(b.named("augment_forward"), grid, dims{x: 64, y: 4}, 0, y, images, draws, mean, int32(in[0]), int32(in[1]),
		int32(in[2]), int32(o.Crop), whole, o.Scale[0],
		o.Scale[1], o.Scale[2])
}
