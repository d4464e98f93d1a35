//go:build gpu

package cuda

import (
	"math"
	"slices"

	"duet/engine/op"
)

func prepareMaxPool(b *builder, o op.MaxPool) {
	out := b.outShape(0)
	p := poolOf(o, b.shape(0), out)
	l := &layout{element: b.activations(), shape: slices.Clone(out), order: channelsLast}
	if b.readBy(func(o op.Op) bool { _, is := o.(op.Flatten); return is }) {
		l.order, p.Flat = rowMajor, 1
	}
	x, y, argmax := b.activation(0), b.outputAs(l), null
	if b.hasCompanion() {
		argmax = b.output(bytes8)
	}
	b.pool("max_pool_forward", p, out[2], out[3], y, argmax, x)
}

func prepareMaxPoolGrad(b *builder, o op.MaxPoolGrad) {
	argmax, dy, dx := b.input(0, bytes8), b.input(1, b.activations()), b.output(b.activations())
	in, mask := b.outShape(0), b.takeMask()
	p := poolOf(o.Pool, in, b.shape(1))
	p.Flat = flag(b.in[1].order == rowMajor)
	if o.Pool.Kernel == 3 && o.Pool.Stride == 2 && o.Pool.Pad == 0 {
		b.pool("max_pool_backward_squares", p, ceilDiv(in[2], 2), ceilDiv(in[3], 2), dx, argmax, dy, mask)
		return
	}
	b.pool("max_pool_backward", p, in[2], in[3], dx, argmax, dy, mask)
}

// pool is Pool of kernels/max_pool.h.
type pool struct {
	Images, Height, Width, Channels, OutHeight, OutWidth, Kernel, Stride, Pad int32
	Padded, Flat                                                              int32
	Pieces, Columns                                                           divisor
}

// poolOf is a pooling of maps of one shape to maps of another, still without Pieces and Columns.
func poolOf(o op.MaxPool, in, out []int) pool {
	return pool{Images: int32(in[0]), Height: int32(in[2]), Width: int32(in[3]), Channels: int32(in[1]),
		OutHeight: int32(out[2]), OutWidth: int32(out[3]), Kernel: int32(o.Kernel), Stride: int32(o.Stride),
		Pad: int32(o.Pad)}
}

// pool launches a kernel with a thread for each piece of the channels at rows x columns places of an image, and the
// images along y. The kernels count an image's elements, and the threads of a block that begins past the last, in 32
// bits.
func (b *builder) pool(stem string, p pool, rows, columns int, tensors ...any) {
	const most = math.MaxInt32 - 1<<10
	channels := int(p.Channels)
	if places := max(int(p.Height)*int(p.Width), int(p.OutHeight)*int(p.OutWidth)); places*channels > most {
		b.fail("pooling of %d maps of %d places: more than %d elements of an image", channels, places, most)
		return
	}
	kernel, lanes := b.pieces(stem, channels)
	p.Pieces, p.Columns = divisorOf(channels/lanes), divisorOf(columns)
	grid, block := spread(int(p.Images), rows*columns*channels/lanes)
	b.launch(kernel, grid, block, 0, append(tensors, p)...)
}

// pieceBytes is what a thread takes of a place's channels.
const pieceBytes = 16

// pieces names the kernel whose threads have that many channels of so many, or, where that is no whole number of them,
// one channel.
func (b *builder) pieces(stem string, channels int) (kernel string, lanes int) {
	if lanes := pieceBytes / int(b.activations().size()); channels%lanes == 0 {
		return b.named(stem), lanes
	}
	return b.named(stem + "_scalar"), 1
}

// spread is a grid with so many threads for each image, in as few blocks as can be and those as small as can be, and
// the images along y.
func spread(images, threads int) (grid, block dims) {
	const most, warp = 256, 32
	blocks := ceilDiv(threads, most)
	return dims{x: blocks, y: min(images, maxGridY)}, dims{x: ceilDiv(ceilDiv(threads, blocks), warp) * warp}
}

// maxGridY is the driver's limit of y and z.
const maxGridY = 65535
