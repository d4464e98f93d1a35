//go:build gpu

package cuda

import "duet/engine/op"

// rows is a grid with a block for each row of z.
func (b *builder) rows() (grid, block dims) { return dims{x: b.shape(0)[0]}, dims{} }

func prepareSoftmax(b *builder, _ op.Softmax) {
	z, p := b.input(0, float32s), b.output(float32s)
	grid, block := b.rows()
	b.launch("softmax_forward", grid, block, 0, p, z, int32(b.shape(0)[1]))
}

func prepareSoftmaxLoss(b *builder, _ op.SoftmaxLoss) {
	z, labels, loss := b.input(0, float32s), b.input(1, words32), b.output(float32s)
	batch, classes := b.shape(0)[0], b.shape(0)[1]
	losses := b.scratch(8 * int64(batch))
	grid, block := b.rows()
	b.launch("softmax_loss_rows", grid, block, 0, losses, z, labels, int32(classes))
	b.launch("softmax_loss_forward", dims{}, dims{}, 0, loss, losses, int32(batch))
}

func prepareSoftmaxLossGrad(b *builder, _ op.SoftmaxLossGrad) {
	z, labels, dloss, dz := b.input(0, float32s), b.input(1, words32), b.input(2, float32s), b.output(b.activations())
	grid, block := b.rows()
	b.launch(b.named("softmax_loss_backward"), grid, block, 0, dz, z, labels, dloss, int32(b.shape(0)[0]),
		int32(b.shape(0)[1]))
}

func prepareTopErrors(b *builder, _ op.TopErrors) {
	z, labels, y := b.input(0, float32s), b.input(1, words32), b.output(float32s)
	batch, classes := b.shape(0)[0], b.shape(0)[1]
	ranks := b.scratch(4 * int64(batch))
	grid, block := b.rows()
	b.launch("top_errors_rows", grid, block, 0, ranks, z, labels, int32(classes))
	b.launch("top_errors_forward", dims{}, dims{}, 0, y, ranks, int32(batch))
}
