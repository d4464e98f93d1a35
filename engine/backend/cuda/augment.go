//go:build gpu

package cuda

import "duet/engine/op"

func prepareAugment(b *builder, o op.Augment) { b.sight("augment_forward", o.Crop, o.Scale) }

// sight launches a kernel that makes what a network sees of images, draws and the mean.
func (b *builder) sight(name string, crop int, scale [3]float32) {
	images, draws, mean, y := b.input(0, bytes8), b.input(1, float32s), b.input(2, float32s), b.output(b.activations())
	in, m := b.shape(0), b.shape(2)
	whole := int32(0)
	if m[1] > 1 || m[2] > 1 {
		whole = 1
	}
	grid := dims{x: ceilDiv(crop, 64), y: ceilDiv(crop, 4), z: min(in[0], maxGridY)}
	b.launch(b.named(name), grid, dims{x: 64, y: 4}, 0, y, images, draws, mean, int32(in[0]), int32(in[1]), int32(in[2]),
		int32(crop), whole, scale[0], scale[1], scale[2])
}
