//go:build gpu

package cuda

import (
	"math"

	"duet/engine/op"
)

// mostPlaces is how many places a window of lrn_max_pool has at most: which one won is a byte.
const mostPlaces = 256

// What the kernels know: windows of so many maps, and of stride to 2*stride places, where this is the least stride.
const leastWindow, mostWindow, leastStride = 3, 9, 2

// What lrn_max_pool_paper.cu is for, and the outputs of a tile of its.
const paperWindow, paperHeight, paperWidth = 5, 3, 7

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

// fusesLRNMaxPool: the kernels count the places of a batch, and an image's elements, in 32 bits, some beyond the last.
func fusesLRNMaxPool(o op.LRNMaxPool, x []int) bool {
	const most = math.MaxInt32 - 1<<12
	n, p := o.LRN.N, o.Pool
	return n >= leastWindow && n <= mostWindow && p.Stride >= leastStride && p.Kernel >= p.Stride &&
		p.Kernel <= 2*p.Stride && p.Kernel*p.Kernel <= mostPlaces && x[0]*x[2]*x[3] <= most && x[1]*x[2]*x[3] <= most
}

// lrnMaxPool is LRNMaxPool of kernels/lrn_max_pool.h.
type lrnMaxPool struct {
	Normalisation         normalisation
	Window                int32
	Pool                  pool
	Group                 divisor
	Tiles, Across         divisor
	TileHeight, TileWidth int32
	Halo, Span, ReLU      int32
}

func prepareLRNMaxPool(b *builder, o op.LRNMaxPool) {
	x, y, argmax := b.activation(0), b.output(b.activations()), null
	if b.hasCompanion() {
		argmax = b.output(bytes8)
	}
	in, out := b.shape(0), b.outShape(0)
	kernel, lanes, p := b.lrnMaxPool("lrn_max_pool_forward", o, in, out)
	height, width, slab := paperHeight, paperWidth, slabOf(in[1]/lanes, lanes)
	block := dims{x: slab, y: height * width}
	if !b.paper(o, in[1]) {
		height, width, slab = tileOf(o.Pool, out, slab, lanes)
		block = dims{x: slab, y: mostThreads / slab}
	}
	across := ceilDiv(out[3], width)
	tiles := across * ceilDiv(out[2], height)
	p.TileHeight, p.TileWidth = int32(height), int32(width)
	p.Tiles, p.Across = divisorOf(tiles), divisorOf(across)
	b.launch(kernel, dims{x: in[0] * tiles, y: ceilDiv(in[1]/lanes, slab)}, block,
		tileBytes(o.Pool, height, width, slab, lanes), y, argmax, x, p)
}

func prepareLRNMaxPoolGrad(b *builder, o op.LRNMaxPoolGrad) {
	x, argmax, dy, dx := b.activation(0), b.input(1, bytes8), b.activation(2), b.output(b.activations())
	in := b.shape(0)
	kernel, lanes, p := b.lrnMaxPool("lrn_max_pool_backward", o.LRNMaxPool, in, b.shape(2))
	const most, blocks = 128, 5000 // threads of a block, and blocks that are enough for a large GPU
	pieces, half := in[1]/lanes, o.LRNMaxPool.LRN.N/2
	slab, halo := pieces, 0
	if pieces > most {
		slab, halo = most, ceilDiv(half, lanes)
	}
	rows := blockRows(slab, most)
	places := in[0] * in[2] * in[3]
	span := min(max(places/(rows*blocks), 1), 8)
	p.Halo, p.Span = int32(halo), int32(span)
	if o.ReLU {
		p.ReLU = 1
	}
	cells := min(2*half, lanes)
	b.launch(kernel, dims{x: ceilDiv(places, rows*span), y: ceilDiv(pieces, slab-2*halo)}, dims{x: slab, y: rows},
		2*4*cells*slab*rows, dx, x, argmax, dy, p)
}

// lrnMaxPool names a kernel, says how many channels its threads have, and describes the operation to it.
func (b *builder) lrnMaxPool(stem string, o op.LRNMaxPool, in, out []int) (kernel string, lanes int, p lrnMaxPool) {
	if !fusesLRNMaxPool(o, in) {
		b.fail("%+v of %v: the kernels take windows of 3 to 9 maps and of stride to 2*stride places", o, in)
	}
	if b.paper(o, in[1]) {
		stem += "_paper"
	}
	group := in[1] / o.LRN.Groups
	kernel, lanes = b.pieces(stem, group)
	p = lrnMaxPool{Normalisation: normalisationOf(o.LRN), Window: int32(o.LRN.N), Group: divisorOf(group),
		Pool: poolOf(o.Pool, in, out)}
	p.Pool.Columns = divisorOf(in[3])
	return kernel, lanes, p
}

// paper says whether lrn_max_pool_paper.cu is for an operation on so many channels.
func (b *builder) paper(o op.LRNMaxPool, channels int) bool {
	const leastNormal = 0x1p-126
	_, lanes := b.pieces("", channels/o.LRN.Groups)
	return b.d.capability >= 80 && lanes > 1 && o.LRN.N == paperWindow && o.LRN.Beta == 0.75 && o.LRN.K >= leastNormal &&
		o.Pool.Kernel == 3 && o.Pool.Stride == 2 && o.Pool.Pad == 0
}

// mostThreads are those of a block that normalises a tile.
const mostThreads = 256

// slabOf is how many of a place's pieces a block has: all, or parts of one size if there are such, of few enough for
// a row of threads each for a tile's outputs.
func slabOf(pieces, lanes int) int {
	most := mostThreads / (paperHeight * paperWidth)
	if lanes == 1 {
		most = 64
	}
	for slab := min(pieces, most); slab > most/2; slab-- {
		if pieces%slab == 0 {
			return slab
		}
	}
	return ceilDiv(pieces, ceilDiv(pieces, most))
}

// tileOf is a tile of outputs, and a slab of at most so many pieces, that fit into the shared memory that every device
// has.
func tileOf(p op.MaxPool, out []int, most, lanes int) (height, width, slab int) {
	const bytes = 48 << 10
	height, width, slab = min(paperHeight, out[2]), min(paperWidth, out[3]), most
	for tileBytes(p, height, width, slab, lanes) > bytes {
		switch {
		case slab > 4:
			slab = ceilDiv(slab, 2)
		case width > 1:
			width--
		case height > 1:
			height--
		default:
			slab--
		}
	}
	return height, width, slab
}

// tileBytes is what the normalised inputs of a tile take: four bytes for each of a piece's channels.
func tileBytes(p op.MaxPool, height, width, slab, lanes int) int {
	return ((height-1)*p.Stride + p.Kernel) * ((width-1)*p.Stride + p.Kernel) * slab * lanes * 4
}

// blockRows is how many rows of so many threads a block has: at most most threads, and, if not many less, whole warps.
func blockRows(row, most int) int {
	const warp = 32
	rows := max(most/row, 1)
	for n := rows; n > rows/2; n-- {
		if n*row%warp == 0 {
			return n
		}
	}
	return rows
}
