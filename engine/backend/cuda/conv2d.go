//go:build gpu

package cuda

import (
	"slices"

	"duet/engine/op"
)

func prepareConv2D(b *builder, o op.Conv2D) {
	x, w, bias, y := b.activation(0), b.activation(1), b.input(2, float32s), b.output(b.activations())
	g := geometryOf(o, b.shape(0), b.outShape(0))
	columns := g.batch * g.outHeight * g.outWidth
	b.within31("places of the output", columns)
	relu := int32(0)
	if o.ReLU {
		relu = 1
	}
	t := tileFor(g.maps, columns, g.channels*g.kernel*g.kernel, g.groups, false)
	b.launch(t.entry(b, "conv2d_forward"), t.grid(g.maps, columns, g.groups), dims{x: tileThreads}, 0,
		slices.Concat([]any{y, x, w, bias}, g.args(), []any{int32(columns)}, divider(g.outHeight*g.outWidth), divider(g.outWidth),
			divider(g.kernel*g.kernel), divider(g.kernel), []any{relu})...)
}

func prepareConv2DGradInput(b *builder, o op.Conv2DGradInput) {
	w, dz, dx := b.activation(0), b.activation(1), b.output(b.activations())
	g := geometryOf(o.Conv, b.outShape(0), b.shape(1))
	b.within31("places of the input", g.batch*g.height*g.width)
	// Each class of places modulo the stride is a product of its own; the largest class decides.
	classes := g.stride * g.stride
	columns := g.batch * ceilDiv(g.height, g.stride) * ceilDiv(g.width, g.stride)
	side := ceilDiv(g.kernel, g.stride)
	t := tileFor(g.channels, columns, g.maps*side*side, g.groups*classes, false)
	b.launch(t.entry(b, "conv2d_grad_input"), t.grid(g.channels, columns, g.groups*classes), dims{x: tileThreads}, 0,
		slices.Concat([]any{dx, w, dz}, g.args(), []any{int32(g.batch)})...)
}

func prepareConv2DGradWeight(b *builder, o op.Conv2DGradWeight) {
	x, dz, dw := b.activation(0), b.activation(1), b.output(float32s)
	g := geometryOf(o.Conv, b.shape(0), b.shape(1))
	places, length := g.batch*g.outHeight*g.outWidth, g.channels*g.kernel*g.kernel
	b.within31("places of the output", places)
	t := tileFor(g.maps, length, places, g.groups, true)
	parts := b.parts(dw, t)
	b.launch(t.entry(b, "conv2d_grad_weight"), t.grid(g.maps, length, g.groups*t.splits), dims{x: tileThreads}, 0,
		slices.Concat([]any{parts, x, dz}, g.args(), []any{int32(places), int32(t.splits)}, divider(g.outHeight*g.outWidth),
			divider(g.outWidth), divider(g.kernel*g.kernel), divider(g.kernel))...)
	b.finish(dw, parts, null, g.groups*g.maps, length, t, false)
	if b.hasCompanion() {
		db := b.output(float32s)
		b.launch(b.named("bias_gradient"), dims{x: g.groups * g.maps}, dims{x: 256}, 0, db, dz, int32(g.batch), int32(g.groups*g.maps),
			int32(g.outHeight*g.outWidth))
	}
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
	b.launch("finish_"+result.element.String(), cover(rows*columns, 256), dims{x: 256}, 0, result, parts, bias, int64(rows), int32(columns),
		int32(t.splits), rectify)
}

// geometry is a convolution of one group.
type geometry struct {
	batch, groups, channels, height, width, maps, outHeight, outWidth, kernel, stride, pad int
}

// geometryOf takes the shapes of a convolution's input and output.
func geometryOf(o op.Conv2D, x, y []int) geometry {
	return geometry{x[0], o.Groups, x[1] / o.Groups, x[2], x[3], y[1] / o.Groups, y[2], y[3], o.Kernel, o.Stride, o.Pad}
}

// args are the kernels' parameters that describe it.
func (g geometry) args() []any {
	return []any{int32(g.groups), int32(g.channels), int32(g.height), int32(g.width), int32(g.maps), int32(g.outHeight), int32(g.outWidth),
		int32(g.kernel), int32(g.stride), int32(g.pad)}
}
