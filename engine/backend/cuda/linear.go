//go:build gpu

package cuda

import (
	"fmt"

	"duet/engine/op"
)

func prepareLinear(b *builder, o op.Linear) {
	x, w, bias, y := b.activation(0), b.activation(1), b.input(2, float32s), b.output(b.activations())
	batch, inputs, features := b.shape(0)[0], b.shape(0)[1], b.shape(1)[0]
	p := product{stem: "linear_forward", rows: batch, columns: features, k: inputs, lengths: []int{inputs}}
	b.linear("linear", p, batch, inputs, features, x, w, y, bias, o.ReLU)
}

func prepareLinearGradInput(b *builder, _ op.LinearGradInput) {
	w, dz, dx := b.activation(0), b.activation(1), b.output(b.activations())
	batch, inputs, features := b.shape(1)[0], b.shape(0)[1], b.shape(0)[0]
	p := product{stem: "linear_grad_input", rows: batch, columns: inputs, k: features, lengths: []int{inputs, features}}
	b.linear("linear_grad_input", p, batch, inputs, features, w, dz, dx, null, false)
}

func prepareLinearGradWeight(b *builder, _ op.LinearGradWeight) {
	x, dz, dw := b.activation(0), b.activation(1), b.output(float32s)
	batch, inputs, features := b.shape(0)[0], b.shape(0)[1], b.shape(1)[1]
	p := product{stem: "linear_grad_weight", rows: features, columns: inputs, k: batch, lengths: []int{inputs, features}}
	b.linear("linear_grad_weight", p, batch, inputs, features, x, dz, dw, null, false)
	if b.hasCompanion() {
		b.biasGradient(b.output(float32s), dz, batch, features)
	}
}

// linear makes a product of the first and the second matrix, and the result of its parts.
func (b *builder) linear(name string, p product, batch, inputs, features int, first, second, result, bias operand,
	relu bool) {
	b.within31("elements of a matrix", max(batch*inputs, batch*features, features*inputs))
	p.copies, p.split = 1, true
	b.choose(fmt.Sprintf("%s %dx%d to %d", name, batch, inputs, features), b.tiles(p, func(b *builder, t tile) {
		parts := b.parts(result, t)
		b.product(p, t, parts, first, second, int32(batch), int32(inputs), int32(features), int32(t.splits))
		b.finish(result, parts, bias, p.rows, p.columns, t, relu)
	}))
}
