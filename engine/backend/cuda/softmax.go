//go:build gpu

package cuda

import "duet/engine/op"

// Threads of a row's block, and of the one block that goes over all rows; softmax.cu.
const rowThreads, allThreads = 128, 256

func prepareSoftmax(b *builder, _ op.Softmax) {
	z, p := b.input(0, float32s), b.output(float32s)
	b.launch("softmax_forward", dims{x: b.shape(0)[0]}, dims{x: rowThreads}, 0, p, z, int32(b.shape(0)[1]))
}

func prepareSoftmaxLoss(b *builder, _ op.SoftmaxLoss) {
	z, labels, loss := b.input(0, float32s), b.input(1, words32), b.output(float32s)
	b.launch("softmax_loss_forward", dims{}, dims{x: allThreads}, 0, loss, z, labels, int32(b.shape(0)[0]), int32(b.shape(0)[1]))
}

func prepareSoftmaxLossGrad(b *builder, _ op.SoftmaxLossGrad) {
	z, labels, dloss, dz := b.input(0, float32s), b.input(1, words32), b.input(2, float32s), b.output(b.activations())
	b.launch(b.named("softmax_loss_backward"), dims{x: b.shape(0)[0]}, dims{x: rowThreads}, 0, dz, z, labels, dloss,
		int32(b.shape(0)[0]), int32(b.shape(0)[1]))
}

func prepareTopErrors(b *builder, _ op.TopErrors) {
	z, labels, y := b.input(0, float32s), b.input(1, words32), b.output(float32s)
	b.launch("top_errors_forward", dims{}, dims{x: allThreads}, 0, y, z, labels, int32(b.shape(0)[0]), int32(b.shape(0)[1]))
}
