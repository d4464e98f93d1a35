//go:build gpu

package cuda

import "duet/engine/op"

// scores are z, as they lie, and the ending of the kernels' names for that.
func (b *builder) scores() (z operand, name string) {
	z = b.stored(0)
	return z, "_" + z.element.String()
}

// rows is a grid with a block for each row of z.
func (b *builder) rows() (grid, block dims) { return dims{x: b.shape(0)[0]}, dims{} }

func prepareSoftmax(b *builder, _ op.Softmax) {
	z, of := b.scores()
	p := b.output(float32s)
	grid, block := b.rows()
	b.launch("softmax_forward"+of, grid, block, 0, p, z, int32(b.shape(0)[1]))
}

// targets are what a loss has beside its inputs: the classes' weights, and the shares of the label's class and of all.
func (b *builder) targets(o op.SoftmaxLoss, weights int) (w operand, label, all float32) {
	w = null
	if o.Weighted {
		w = b.input(weights, float32s)
	}
	return w, 1 - o.Smoothing, o.Smoothing / float32(b.shape(0)[1])
}

func prepareSoftmaxLoss(b *builder, o op.SoftmaxLoss) {
	z, of := b.scores()
	labels, loss := b.input(1, words32), b.output(float32s)
	w, label, all := b.targets(o, 2)
	batch, classes := b.shape(0)[0], b.shape(0)[1]
	losses := b.scratch(8 * int64(batch))
	grid, block := b.rows()
	b.launch("softmax_loss_rows"+of, grid, block, 0, losses, z, labels, w, int32(classes), label, all)
	b.launch("softmax_loss_forward", dims{}, dims{}, 0, loss, losses, int32(batch))
}

func prepareSoftmaxLossGrad(b *builder, o op.SoftmaxLossGrad) {
	z, of := b.scores()
	labels, dloss, dz := b.input(1, words32), b.input(2, float32s), b.output(b.activations())
	w, label, all := b.targets(o.Loss, 3)
	grid, block := b.rows()
	b.launch(b.named("softmax_loss_backward"+of), grid, block, 0, dz, z, labels, dloss, w, int32(b.shape(0)[0]),
		int32(b.shape(0)[1]), label, all)
}

func prepareTopErrors(b *builder, _ op.TopErrors) {
	z, of := b.scores()
	labels, y := b.input(1, words32), b.output(float32s)
	batch, classes := b.shape(0)[0], b.shape(0)[1]
	ranks := b.scratch(4 * int64(batch))
	grid, block := b.rows()
	b.launch("top_errors_rows"+of, grid, block, 0, ranks, z, labels, int32(classes))
	b.launch("top_errors_forward", dims{}, dims{}, 0, y, ranks, int32(batch))
}
