//go:build gpu

package cuda

import (
	"fmt"

	"duet/engine/op"
)

// linear is Linear of kernels/linear_tensor.cu.
type linear struct{ Batch, Inputs, Features, Splits, ReLU int32 }

func prepareLinear(b *builder, o op.Linear) {
	x, w, bias, y := b.activation(0), b.activation(1), b.input(2, float32s), b.output(b.activations())
	batch, inputs, features := b.shape(0)[0], b.shape(0)[1], b.shape(1)[0]
	p := product{stem: "linear_forward", m: batch, n: features, k: inputs, copies: 1, split: true, across: true}
	b.linear("linear", p, linear{int32(batch), int32(inputs), int32(features), 1, flag(o.ReLU)},
		func(b *builder, t tile, l linear) {
			if !t.tensor() {
				parts := b.parts(y, t)
				b.product(p, t, parts, x, w, int32(batch), int32(inputs), int32(features), int32(t.splits))
				b.finish(y, parts, bias, batch, features, t, l.ReLU)
				return
			}
			if t.splits == 1 {
				b.product(p, t, y, null, x, w, bias, l)
				return
			}
			parts := b.parts(y, t)
			b.product(p, t, y, parts, x, w, bias, l)
			b.finish(y, parts, bias, batch, features, t, l.ReLU)
		})
}

func prepareLinearGradInput(b *builder, _ op.LinearGradInput) {
	w, dz, dx := b.activation(0), b.activation(1), b.output(b.activations())
	batch, inputs, features := b.shape(1)[0], b.shape(0)[1], b.shape(0)[0]
	mask := b.mask
	p := product{stem: "linear_grad_input", m: batch, n: inputs, k: features, copies: 1, split: true, across: true}
	b.linear("linear_grad_input", p, linear{int32(batch), int32(inputs), int32(features), 1, 0},
		func(b *builder, t tile, l linear) {
			b.mask = mask
			if !t.tensor() {
				parts := b.parts(dx, t)
				b.product(p, t, parts, w, dz, int32(batch), int32(inputs), int32(features), int32(t.splits))
				b.finish(dx, parts, null, batch, inputs, t, 0)
				return
			}
			dz := b.padded(dz, batch, 1, features)
			if t.splits == 1 {
				b.mask = null // which the kernel applies
				b.product(p, t, dx, null, w, dz, mask, l)
				return
			}
			parts := b.parts(dx, t)
			b.product(p, t, dx, parts, w, dz, null, l)
			b.finish(dx, parts, null, batch, inputs, t, 0)
		})
}

func prepareLinearGradWeight(b *builder, _ op.LinearGradWeight) {
	x, dz, dw, db := b.activation(0), b.activation(1), b.output(float32s), null
	batch, inputs, features := b.shape(0)[0], b.shape(0)[1], b.shape(1)[1]
	if b.hasCompanion() {
		db = b.output(float32s)
	}
	p := product{stem: "linear_grad_weight", m: features, n: inputs, k: batch, copies: 1, split: true, across: true}
	b.linear("linear_grad_weight", p, linear{int32(batch), int32(inputs), int32(features), 1, 0},
		func(b *builder, t tile, l linear) {
			if !t.tensor() {
				parts := b.parts(dw, t)
				b.product(p, t, parts, x, dz, int32(batch), int32(inputs), int32(features), int32(t.splits))
				b.finish(dw, parts, null, features, inputs, t, 0)
				if db != null {
					b.biasGradient(db, dz, batch, features)
				}
				return
			}
			f := finish{Length: int64(features) * int64(inputs), Maps: int32(features), Splits: int32(t.splits)}
			parts, sums := b.gradientParts(dw, db, f)
			b.product(p, t, parts, sums, x, b.padded(dz, batch, 1, features), l)
			b.finishGradients(dw, db, parts, sums, f)
		})
}

// linear chooses how a product of a linear layer is made. Tensor cores want rows of whole lanes.
func (b *builder) linear(name string, p product, l linear, launch func(*builder, tile, linear)) {
	batch, inputs, features := int(l.Batch), int(l.Inputs), int(l.Features)
	b.within31("elements of a matrix", max(batch*inputs, batch*features, features*inputs))
	lay := func(b *builder, t tile) {
		l := l
		l.Splits = int32(t.splits)
		launch(b, t, l)
	}
	var all []candidate
	if b.d.tensors() && inputs%lanes == 0 {
		all = b.candidates(p, tensorTiles[p.stem], lay)
	}
	all = append(all, b.candidates(p, simtTiles, lay)...)
	b.choose(fmt.Sprintf("%s %dx%d to %d", name, batch, inputs, features), all)
}
