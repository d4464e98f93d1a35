//go:build gpu

package cuda

import "duet/engine/op"

func prepareLinear(b *builder, o op.Linear) {
	x, w, bias, y := b.activation(0), b.activation(1), b.input(2, float32s), b.output(b.activations())
	batch, inputs, features := b.shape(0)[0], b.shape(0)[1], b.shape(1)[0]
	t := tileFor(batch, features, inputs, 1, true)
	parts := b.parts(y, t)
	b.linear("linear_forward", t, batch, features, parts, x, w, batch, inputs, features)
	b.finish(y, parts, bias, batch, features, t, o.ReLU)
}

func prepareLinearGradInput(b *builder, _ op.LinearGradInput) {
	w, dz, dx := b.activation(0), b.activation(1), b.output(b.activations())
	batch, inputs, features := b.shape(1)[0], b.shape(0)[1], b.shape(0)[0]
	t := tileFor(batch, inputs, features, 1, true)
	parts := b.parts(dx, t)
	b.linear("linear_grad_input", t, batch, inputs, parts, w, dz, batch, inputs, features)
	b.finish(dx, parts, null, batch, inputs, t, false)
}

func prepareLinearGradWeight(b *builder, _ op.LinearGradWeight) {
	x, dz, dw := b.activation(0), b.activation(1), b.output(float32s)
	batch, inputs, features := b.shape(0)[0], b.shape(0)[1], b.shape(1)[1]
	t := tileFor(features, inputs, batch, 1, true)
	parts := b.parts(dw, t)
	b.linear("linear_grad_weight", t, features, inputs, parts, x, dz, batch, inputs, features)
	b.finish(dw, parts, null, features, inputs, t, false)
	if b.hasCompanion() {
		db := b.output(float32s)
		b.launch(b.named("bias_gradient_rows"), dims{x: ceilDiv(features, 64)}, dims{x: 64}, 0, db, dz, int32(batch), int32(features))
	}
}

func (b *builder) linear(stem string, t tile, rows, columns int, parts, first, second operand, batch, inputs, features int) {
	b.within31("elements of a matrix", max(batch*inputs, batch*features, features*inputs))
	b.launch(t.entry(b, stem), t.grid(rows, columns, t.splits), dims{x: tileThreads}, 0, parts, first, second, int32(batch), int32(inputs),
		int32(features), int32(t.splits))
}
