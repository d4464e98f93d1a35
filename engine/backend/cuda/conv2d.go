//go:build gpu

package cuda

import (
	"fmt"
	"slices"

	"duet/engine/op"
)

func prepareConv2D(b *builder, o op.Conv2D) {
	x, w, bias, y := b.activation(0), b.activation(1), b.input(2, float32s), b.output(b.activations())
	g := geometryOf(o, b.shape(0), b.outShape(0))
	b.indexed(g)
	p := product{stem: "conv2d_forward", rows: g.maps, columns: g.batch * g.outHeight * g.outWidth,
		k: g.channels * g.kernel * g.kernel, copies: g.groups}
	b.choose("conv2d "+g.String(), b.simt(p, func(b *builder, t tile) {
		b.product(p, t, y, x, w, bias, g.conv2D(t, o.ReLU))
	}))
}

func prepareConv2DGradInput(b *builder, o op.Conv2DGradInput) {
	w, dz, dx := b.activation(0), b.activation(1), b.output(b.activations())
	g := geometryOf(o.Conv, b.outShape(0), b.shape(1))
	b.indexed(g)
	// Each class of places modulo the stride is a product of its own; the largest class decides.
	classes := g.stride * g.stride
	columns := g.batch * ceilDiv(g.height, g.stride) * ceilDiv(g.width, g.stride)
	side := ceilDiv(g.kernel, g.stride)
	p := product{stem: "conv2d_grad_input", rows: g.channels, columns: columns, k: g.maps * side * side,
		copies: g.groups * classes}
	b.choose("conv2d_grad_input "+g.String(), b.simt(p, func(b *builder, t tile) {
		b.product(p, t, dx, w, dz, g.conv2D(t, false))
	}))
}

func prepareConv2DGradWeight(b *builder, o op.Conv2DGradWeight) {
	x, dz, dw := b.activation(0), b.activation(1), b.output(float32s)
	g := geometryOf(o.Conv, b.shape(0), b.shape(1))
	b.indexed(g)
	places, length := g.batch*g.outHeight*g.outWidth, g.channels*g.kernel*g.kernel
	p := product{stem: "conv2d_grad_weight", rows: g.maps, columns: length, k: places, copies: g.groups, split: true}
	b.choose("conv2d_grad_weight "+g.String(), b.simt(p, func(b *builder, t tile) {
		parts := b.parts(dw, t)
		b.product(p, t, parts, x, dz, g.conv2D(t, false))
		b.finish(dw, parts, null, g.groups*g.maps, length, t, false)
	}))
	if b.hasCompanion() {
		b.biasGradient(b.output(float32s), dz, places, g.groups*g.maps)
	}
}

// simt are the ways to make a product without tensor cores.
func (b *builder) simt(p product, launch func(*builder, tile)) []candidate {
	if slices.ContainsFunc(b.in, func(l *layout) bool { return l.order == patched }) {
		b.fail("patched operands want tensor cores")
	}
	return slices.DeleteFunc(b.tiles(p, launch), func(c candidate) bool { return c.(tiled).tensor })
}

// parts is where the parts of a product go: the result itself when there is one.
func (b *builder) parts(result operand, t tile) operand {
	if t.splits == 1 && result.element == float32s {
		return result
	}
	n := result.bytes / result.element.size()
	return b.scratch(n * float32s.size() * int64(t.splits))
}

// finish adds the parts of a product up, and the bias, and rectifies, unless the one part is the result already.
func (b *builder) finish(result, parts, bias operand, rows, columns int, t tile, relu bool) {
	if parts == result && bias == null && !relu {
		return
	}
	rectify := int32(0)
	if relu {
		rectify = 1
	}
	b.launch("finish_"+result.element.String(), cover(rows*columns, 256), dims{x: 256}, 0, result, parts, bias,
		int64(rows), int32(columns), int32(t.splits), rectify)
}

// conv2D is Conv2D of kernels/conv2d.h.
type conv2D struct {
	Images, Height, Width, Channels, Groups, Maps, OutHeight, OutWidth, Kernel, Stride, Pad int32
	WeightChannels, Splits, ReLU                                                            int32
	Area, Row                                                                               divisor
}

// geometry is a convolution of one group.
type geometry struct {
	batch, groups, channels, height, width, maps, outHeight, outWidth, kernel, stride, pad int
}

// geometryOf takes the shapes of a convolution's input and output.
func geometryOf(o op.Conv2D, x, y []int) geometry {
	return geometry{x[0], o.Groups, x[1] / o.Groups, x[2], x[3], y[1] / o.Groups, y[2], y[3], o.Kernel, o.Stride, o.Pad}
}

// conv2D is what the kernels know of it.
func (g geometry) conv2D(t tile, relu bool) conv2D {
	c := conv2D{Images: int32(g.batch), Height: int32(g.height), Width: int32(g.width), Channels: int32(g.channels),
		Groups: int32(g.groups), Maps: int32(g.maps), OutHeight: int32(g.outHeight), OutWidth: int32(g.outWidth),
		Kernel: int32(g.kernel), Stride: int32(g.stride), Pad: int32(g.pad), WeightChannels: int32(g.channels),
		Splits: int32(t.splits), Area: divisorOf(g.outHeight * g.outWidth), Row: divisorOf(g.outWidth)}
	if relu {
		c.ReLU = 1
	}
	return c
}

// String is the sizes for a Pin's work, of all groups: 128x96x27x27 to 256 k5 s1 p2 g2.
func (g geometry) String() string {
	return fmt.Sprintf("%dx%dx%dx%d to %d k%d s%d p%d g%d", g.batch, g.groups*g.channels, g.height, g.width,
		g.groups*g.maps, g.kernel, g.stride, g.pad, g.groups)
}

// indexed checks that the kernels can count the places and weights, and what they step over within a padded image.
func (b *builder) indexed(g geometry) {
	b.within31("places of the output", g.batch*g.outHeight*g.outWidth)
	b.within31("places of the input", g.batch*g.height*g.width)
	b.within31("weights", g.groups*g.maps*g.channels*g.kernel*g.kernel)
	if max(g.height+2*g.pad, g.width+2*g.pad) > mostExtent {
		b.fail("an image of %d x %d and %d around: the kernels take extents to %d", g.height, g.width, g.pad, mostExtent)
	}
	b.within31("elements of an image", g.groups*max(g.channels*(g.height+2*g.pad)*(g.width+2*g.pad),
		g.maps*g.outHeight*g.outWidth))
}

// mostExtent is the largest padded side of an image.
const mostExtent = 1 << 28
