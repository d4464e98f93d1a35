//go:build gpu

package cuda

import (
	"duet/engine/op"
	"duet/internal/rng"
)

func prepareDropout(b *builder, o op.Dropout) {
	x, counters, y := b.activation(0), b.input(1, words32), b.output(b.activations())
	b.inPlace(0)
	mask := b.takeMask()
	batch, features := b.shape(0)[0], b.shape(0)[1]
	grid := dims{x: ceilDiv(features/4+2, 256), y: min(batch, maxGridY)}
	b.launch(b.named("dropout_forward"), grid, dims{x: 256}, 0, y, x, mask, counters, int32(batch), int32(features),
		uint64(o.Width), uint64(o.First), o.Threshold(), rng.Tag(rng.Dropout, o.Stream), o.Factor())
}

func prepareScale(b *builder, o op.Scale) {
	x, y := b.elementwise(0, 0)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("scale_forward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, y, x[0], o.Factor, int64(n))
}
