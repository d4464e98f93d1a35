//go:build gpu

package cuda

import (
	"fmt"

	"duet/engine/op"
)

func prepareConv2D(b *builder, o op.Conv2D) {
	x, w, bias, y := b.activation(0), b.activation(1), b.input(2, float32s), b.output(b.activations())
	g := geometryOf(o, b.shape(0), b.outShape(0))
	b.indexed(g)
	block := b.patchedBy(o, 1)
	p := product{stem: "conv2d_forward", m: g.places(), n: g.maps, k: g.patched(block).length(), copies: g.groups}
	b.choose("conv2d "+g.String(), b.allTiles(p, block, tensorTiles[p.stem], func(b *builder, t tile) {
		c := g.patched(block).conv2D()
		c.ReLU = flag(o.ReLU)
		b.product(p, t, y, b.patch(x, g, block), w, bias, c)
	}))
}

func prepareConv2DGradInput(b *builder, o op.Conv2DGradInput) {
	w, dz, dx := b.activation(0), b.activation(1), b.output(b.activations())
	g := geometryOf(o.Conv, b.outShape(0), b.shape(1))
	b.indexed(g)
	block, mask := b.patchedBy(o.Conv, 0), b.mask
	// Without tensor cores, each class of places modulo the stride is a product of its own; the largest class decides.
	classes, side := g.stride*g.stride, ceilDiv(g.kernel, g.stride)
	simt := product{stem: "conv2d_grad_input", m: g.batch * ceilDiv(g.height, g.stride) * ceilDiv(g.width, g.stride),
		n: g.channels, k: g.maps * side * side, copies: g.groups * classes}
	p, tiles := simt, tensorTiles[simt.stem]
	p.m, p.runs, p.copies = g.batch*g.height*g.width, g.kernel*g.kernel, g.groups
	p.k = g.maps * p.runs
	if g.stride > 1 {
		tiles = tensorTiles[simt.stem+", strided"]
	}
	var all []candidate
	if b.d.tensors() {
		all = b.candidates(p, tiles, func(b *builder, t tile) {
			w, c := w, g.conv2D()
			c.Area, c.Row = divisorOf(g.height*g.width), divisorOf(g.width)
			switch {
			case block == 1:
				c.WeightChannels = int32(g.patched(block).channels)
			case block > 1:
				w, c.WeightChannels = b.unpatched(w, g, block)
			}
			b.mask = null // which this kernel applies
			b.product(p, t, dx, w, b.paddedMaps(dz, g), mask, c)
		})
	}
	if block == 0 {
		all = append(all, b.candidates(simt, simtTiles, func(b *builder, t tile) {
			b.mask = null
			b.product(simt, t, dx, w, dz, mask, g.conv2D())
		})...)
	}
	b.choose("conv2d_grad_input "+g.String(), all)
}

func prepareConv2DGradWeight(b *builder, o op.Conv2DGradWeight) {
	x, dz := b.activation(0), b.activation(1)
	g := geometryOf(o.Conv, b.shape(0), b.shape(1))
	b.indexed(g)
	l := &layout{element: float32s, shape: b.outShape(0)}
	l.order, l.block = b.d.weightOrder(o.Conv, l.shape)
	dw, db, block := b.outputAs(l), null, l.block
	if b.hasCompanion() {
		db = b.output(float32s)
	}
	p := product{stem: "conv2d_grad_weight", m: g.maps, n: g.patched(block).length(), k: g.places(), copies: g.groups,
		split: true, across: true}
	b.choose("conv2d_grad_weight "+g.String(), b.allTiles(p, block, tensorTiles[p.stem], func(b *builder, t tile) {
		c := g.patched(block).conv2D()
		c.Splits = int32(t.splits)
		if !t.tensor() {
			parts := b.parts(dw, t)
			b.product(p, t, parts, x, dz, c)
			b.finish(dw, parts, null, g.groups*g.maps, p.n, t, 0)
			if db != null {
				b.biasGradient(db, dz, g.places(), g.groups*g.maps)
			}
			return
		}
		f := finish{Length: int64(l.stored()), Maps: int32(g.groups * g.maps), Splits: int32(t.splits)}
		if block > 0 {
			f.Block, f.Channels, f.Kernel = int32(block), int32(g.channels), int32(g.kernel)
			f.Side, f.Width = c.Kernel, c.WeightChannels
		}
		parts, sums := b.gradientParts(dw, db, f)
		b.product(p, t, parts, sums, b.patch(x, g, block), b.paddedMaps(dz, g), c)
		b.finishGradients(dw, db, parts, sums, f)
	}))
}

// allTiles are the candidates for a product of a convolution that takes the same sizes on tensor cores as without;
// those that know no patched weights are left out where there are some.
func (b *builder) allTiles(p product, block int, tensors []tile, launch func(*builder, tile)) []candidate {
	var all []candidate
	if b.d.tensors() {
		all = b.candidates(p, tensors, launch)
	}
	if block == 0 {
		all = append(all, b.candidates(p, simtTiles, launch)...)
	}
	return all
}

// patchedBy is the block by which input i, the weight of a convolution, is patched; 0 where it is not.
func (b *builder) patchedBy(o op.Conv2D, i int) int {
	l := b.in[i]
	if order, block := b.d.weightOrder(o, l.shape); l.order != order || l.block != block {
		b.fail("input %d is a weight that lies %v, want %v", i, l, order)
	}
	return l.block
}

// finish is Finish of kernels/finish.cu.
type finish struct {
	Length                               int64
	Maps, Splits                         int32
	Block, Channels, Kernel, Side, Width int32
}

// gradientParts is where the parts of the gradients of weight and bias go: the gradients themselves where nothing is
// to be added up or cleared.
func (b *builder) gradientParts(dw, db operand, f finish) (parts, sums operand) {
	if f.Splits == 1 && f.Block == 0 {
		return dw, db
	}
	parts, sums = b.scratch(4*f.Length*int64(f.Splits)), null
	if db != null {
		sums = b.scratch(4 * int64(f.Maps) * int64(f.Splits))
	}
	return parts, sums
}

// finishGradients adds them up.
func (b *builder) finishGradients(dw, db, parts, sums operand, f finish) {
	if parts != dw {
		b.launch("finish_gradients", cover(max(int(f.Length/4), int(f.Maps)), 256), dims{x: 256}, 0, dw, db, parts, sums, f)
	}
}

// patches is Patches of kernels/patch.cu.
type patches struct {
	Images, Height, Width, Groups, Channels, Pad, Block int32
	Rows, Columns, Patch                                int32
}

// patch is input 0, of a convolution, as its weights want it: itself, or, where they are patched and it is not, in
// scratch.
func (b *builder) patch(x operand, g geometry, block int) operand {
	l, p := b.in[0], g.patched(block)
	b.within31("elements of the input, patched", g.batch*p.height*p.width*g.groups*p.channels)
	b.within31("weights, patched", g.groups*g.maps*p.length())
	if block == 0 && l.order != patched || block > 0 && l.order == patched && l.block == block && l.pad == g.pad {
		return x
	}
	if l.order == patched {
		b.fail("an input that lies %v with %d around, for weights patched by %d: want it channels-last", l, l.pad, block)
	}
	return b.patches(x, patches{int32(g.batch), int32(g.height), int32(g.width), int32(g.groups), int32(g.channels),
		int32(g.pad), int32(block), int32(p.height), int32(p.width), int32(p.channels)})
}

// paddedMaps is the gradient of a convolution's output with the maps of each group padded to whole lanes.
func (b *builder) paddedMaps(dz operand, g geometry) operand {
	return b.padded(dz, g.places(), g.groups, g.maps)
}

// padded is a matrix of rows of groups with the columns of each group padded to whole lanes: itself where they are.
func (b *builder) padded(x operand, rows, groups, columns int) operand {
	if columns%lanes == 0 {
		return x
	}
	return b.patches(x, patches{int32(rows), 1, 1, int32(groups), int32(columns), 0, 1, 1, 1,
		int32(ceilDiv(columns, lanes) * lanes)})
}

func (b *builder) patches(x operand, p patches) operand {
	n := int(p.Images) * int(p.Rows) * int(p.Columns) * int(p.Groups) * int(p.Patch)
	b.within31("elements, padded", n)
	y := b.scratch(int64(n) * bfloat16.size())
	b.launch("patch_bf16", cover(n/8, 256), dims{x: 256}, 0, y, x, p)
	return y
}

// unpatched is Unpatched of kernels/patch.cu.
type unpatched struct {
	Maps, Channels, Kernel, PlainWidth int32
	Block, Side, Width                 int32
}

// unpatched is patched weights as they would lie otherwise, with their channels, of which it gives the number, padded.
func (b *builder) unpatched(w operand, g geometry, block int) (plain operand, channels int32) {
	p, width := g.patched(block), ceilDiv(g.channels, lanes)*lanes
	n := g.groups * g.maps * g.kernel * g.kernel * width
	plain = b.scratch(int64(n) * bfloat16.size())
	b.launch("unpatch_weights", cover(n/8, 256), dims{x: 256}, 0, plain, w, unpatched{int32(g.groups * g.maps),
		int32(g.channels), int32(g.kernel), int32(width), int32(block), int32(p.kernel), int32(p.channels)})
	return plain, int32(width)
}

// geometry is a convolution; channels and maps are a group's.
type geometry struct {
	batch, groups, channels, height, width, maps, outHeight, outWidth, kernel, stride, pad int
}

// geometryOf takes the shapes of a convolution's input and output.
func geometryOf(o op.Conv2D, x, y []int) geometry {
	return geometry{x[0], o.Groups, x[1] / o.Groups, x[2], x[3], y[1] / o.Groups, y[2], y[3], o.Kernel, o.Stride, o.Pad}
}

// patched is the convolution that patched weights are of (layout.go); of a block of 0, it itself.
func (g geometry) patched(block int) geometry {
	if block == 0 {
		return g
	}
	p := g
	p.kernel, p.stride, p.pad = ceilDiv(g.kernel, block), 1, 0
	p.channels = ceilDiv(block*block*g.channels, lanes) * lanes
	p.height, p.width = ceilDiv(g.height+2*g.pad, block), ceilDiv(g.width+2*g.pad, block)
	return p
}

func (g geometry) places() int { return g.batch * g.outHeight * g.outWidth }

// length is the weights of a map.
func (g geometry) length() int { return g.channels * g.kernel * g.kernel }

// conv2D is Conv2D of kernels/conv2d.h.
type conv2D struct {
	Images, Height, Width, Channels, Groups, Maps, OutHeight, OutWidth, Kernel, Stride, Pad int32
	WeightChannels, Splits, ReLU                                                            int32
	Area, Row                                                                               divisor
}

func (g geometry) conv2D() conv2D {
	return conv2D{int32(g.batch), int32(g.height), int32(g.width), int32(g.channels), int32(g.groups), int32(g.maps),
		int32(g.outHeight), int32(g.outWidth), int32(g.kernel), int32(g.stride), int32(g.pad), int32(g.channels), 1, 0,
		divisorOf(g.outHeight * g.outWidth), divisorOf(g.outWidth)}
}

// String is the sizes for a Pin's work, of all groups: 128x96x27x27 to 256 k5 s1 p2 g2.
func (g geometry) String() string {
	return fmt.Sprintf("%dx%dx%dx%d to %d k%d s%d p%d g%d", g.batch, g.groups*g.channels, g.height, g.width,
		g.groups*g.maps, g.kernel, g.stride, g.pad, g.groups)
}

// indexed checks that the kernels can count the places and weights, and what they step over within an image; those for
// tensor cores, within a batch.
func (b *builder) indexed(g geometry) {
	b.within31("places of the output", g.places())
	b.within31("places of the input", g.batch*g.height*g.width)
	b.within31("weights", g.groups*g.maps*g.channels*g.kernel*g.kernel)
	b.within31("elements of an image", g.groups*max(g.channels*g.height*g.width, g.maps*g.outHeight*g.outWidth))
	if b.d.tensors() {
		b.within31("elements of the input", g.batch*g.groups*g.channels*g.height*g.width)
		b.within31("elements of the output", g.groups*g.maps*g.places())
	}
	if max(g.height+2*g.pad, g.width+2*g.pad) > mostExtent {
		b.fail("an image of %d x %d and %d around: the kernels take extents to %d", g.height, g.width, g.pad, mostExtent)
	}
}

// mostExtent is the largest padded side of an image.
const mostExtent = 1 << 28
