//go:build gpu

package cuda

import (
	"math"

	"duet/engine/op"
)

// mostPlaces is how many inputs the tile of a block of lrn_max_pool_forward has at most, a thread each.
const mostPlaces = 256

// What the kernels know: windows of so many maps, and of stride to 2*stride places, where this is the least stride.
const leastWindow, mostWindow, leastStride = 3, 9, 2

// Fuses says that LRN and max pooling are one operation where the windows are those that the kernels know, and a
// rectifier before them part of its gradient, as it is part of other layers'.
func (d *device) Fuses(o op.Op, x op.Type) bool {
	switch o := o.(type) {
	case op.LRNMaxPool:
		return fusesLRNMaxPool(o, x.Shape)
	case op.LRNMaxPoolGrad:
		return fusesLRNMaxPool(o.LRNMaxPool, x.Shape)
	case op.Rectified:
		return true
	}
	return false
}

func fusesLRNMaxPool(o op.LRNMaxPool, x []int) bool {
	n, p := o.LRN.N, o.Pool
	return n >= leastWindow && n <= mostWindow && p.Stride >= leastStride && p.Kernel >= p.Stride &&
		p.Kernel <= 2*p.Stride && p.Kernel*p.Kernel <= mostPlaces &&
		x[0]*x[2]*x[3] <= math.MaxInt32 && (x[1]+2*n)*x[2]*x[3] <= math.MaxInt32
}

func prepareLRNMaxPool(b *builder, o op.LRNMaxPool) {
	x, y, argmax := b.activation(0), b.output(b.activations()), null
	if b.hasCompanion() {
		argmax = b.output(bytes8)
	}
	in, out := b.shape(0), b.outShape(0)
	if !fusesLRNMaxPool(o, in) {
		b.fail("%+v of %v: the kernels take windows of 3 to 9 maps and of stride to 2*stride places", o, in)
		return
	}
	height, width := tileSide(o.Pool, out[2]), tileSide(o.Pool, out[3])
	across := ceilDiv(out[3], width)
	tiles := across * ceilDiv(out[2], height)
	places := ((height-1)*o.Pool.Stride + o.Pool.Kernel) * ((width-1)*o.Pool.Stride + o.Pool.Kernel)
	block := dims{x: ceilDiv(places, 32) * 32}
	groups, channels := o.LRN.Groups, in[1]/o.LRN.Groups
	chunk := chunkOf(channels, in[0]*tiles*groups*block.x)
	b.launch(b.named("lrn_max_pool_forward"), dims{x: in[0] * tiles, y: groups * ceilDiv(channels, chunk)}, block, 0,
		append(append([]any{y, argmax, x}, extents(o, in, out)...), int32(height), int32(width), int32(across), int32(tiles),
			int32(chunk), int32(o.LRN.N), o.LRN.K, float32(o.LRN.Coefficient()), o.LRN.Beta)...)
}

func prepareLRNMaxPoolGrad(b *builder, o op.LRNMaxPoolGrad) {
	x, argmax, dy, dx := b.activation(0), b.input(1, bytes8), b.activation(2), b.output(b.activations())
	f, in, out := o.LRNMaxPool, b.shape(0), b.shape(2)
	if !fusesLRNMaxPool(f, in) {
		b.fail("%+v of %v: the kernels take windows of 3 to 9 maps and of stride to 2*stride places", f, in)
		return
	}
	const threads = 128
	places, groups, channels := in[0]*in[2]*in[3], f.LRN.Groups, in[1]/f.LRN.Groups
	chunk := chunkOf(channels, places*groups)
	rectified := int32(0)
	if o.ReLU {
		rectified = 1
	}
	b.launch(b.named("lrn_max_pool_backward"), dims{x: ceilDiv(places, threads), y: groups * ceilDiv(channels, chunk)},
		dims{x: threads}, 0, append(append([]any{dx, x, argmax, dy, uint32(places)}, extents(f, in, out)...), int32(chunk),
			int32(f.LRN.N), f.LRN.K, float32(f.LRN.Coefficient()), f.LRN.Beta, rectified)...)
}

// extents are the kernels' arguments for the maps of one group and the windows over them.
func extents(o op.LRNMaxPool, in, out []int) []any {
	return append([]any{int32(o.LRN.Groups), int32(in[1] / o.LRN.Groups), int32(in[2]), int32(in[3]), int32(out[2]),
		int32(out[3])}, windows(o.Pool)...)
}

// tileSide is how many of `outputs` in a row a tile takes: as many as its threads can normalise the inputs of, made
// even.
func tileSide(p op.MaxPool, outputs int) int {
	side := 1
	for reach := side*p.Stride + p.Kernel; reach*reach <= mostPlaces; reach = side*p.Stride + p.Kernel {
		side++
	}
	return ceilDiv(outputs, ceilDiv(outputs, side))
}
