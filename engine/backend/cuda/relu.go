//go:build gpu

package cuda

import "duet/engine/op"

// prepareReLU and prepareReLUGrad work on any shape, in place if need be.
func prepareReLU(b *builder, _ op.ReLU) {
	x, y := b.elementwise(0, 0)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("relu_forward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, y, x[0], int64(n))
}

func prepareReLUGrad(b *builder, _ op.ReLUGrad) {
	x, dx := b.elementwise(1, 0, 1)
	n := b.r.InTypes[0].Len()
	b.launch(b.named("relu_backward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, dx, x[0], x[1], int64(n))
}

// rectified adapts an entry to op.Rectified: a kernel that takes the mask applies it itself, behind another one the
// mask is a launch of its own.
func rectified[O op.Op](prepare func(*builder, O)) func(*builder, op.Op) bool {
	return func(b *builder, o op.Op) bool {
		both, ok := o.(op.Rectified)
		if !ok {
			return false
		}
		grad, ok := both.Grad.(O)
		if !ok {
			return false
		}
		last := len(b.in) - 1
		b.mask = b.activation(last)
		prepare(b, grad)
		if b.mask != null && b.failure == nil {
			dz := operand{space: outputs, element: b.activations(), bytes: b.mask.bytes}
			n := b.r.InTypes[last].Len()
			b.launch(b.named("relu_backward"), cover(ceilDiv(n, 4), 256), dims{x: 256}, 0, dz, b.mask, dz, int64(n))
		}
		return true
	}
}

// takeMask is what a rectifier gave, for a kernel that applies it: where it is not above 0 there is no gradient. Null
// where there is none.
func (b *builder) takeMask() operand {
	mask := b.mask
	b.mask = null
	return mask
}
