//go:build gpu

package cuda

import "duet/engine/op"

// table holds the operations by name.
var table = map[string]func(*builder, op.Op) bool{
	"add":                of(prepareAdd),
	"augment":            of(prepareAugment),
	"avg_pool":           of(prepareAvgPool),
	"avg_pool_grad":      of(prepareAvgPoolGrad),
	"concat":             of(prepareConcat),
	"conv2d":             of(prepareConv2D),
	"conv2d_grad_input":  of(prepareConv2DGradInput),
	"conv2d_grad_weight": of(prepareConv2DGradWeight),
	"dropout":            of(prepareDropout),
	"flatten":            of(prepareFlatten),
	"ema":                of(prepareEMA),
	"linear":             of(prepareLinear),
	"linear_grad_input":  of(prepareLinearGradInput),
	"linear_grad_weight": of(prepareLinearGradWeight),
	"lrn":                of(prepareLRN),
	"lrn_grad":           of(prepareLRNGrad),
	"lrn_max_pool":       of(prepareLRNMaxPool),
	"lrn_max_pool_grad":  of(prepareLRNMaxPoolGrad),
	"max_pool":           of(prepareMaxPool),
	"max_pool_grad":      of(prepareMaxPoolGrad),
	"relu":               of(prepareReLU),
	"relu_grad":          of(prepareReLUGrad),
	"scale":              of(prepareScale),
	"send":               of(prepareSend),
	"sgd":                of(prepareSGD),
	"slice":              of(prepareSlice),
	"softmax":            of(prepareSoftmax),
	"softmax_loss":       of(prepareSoftmaxLoss),
	"softmax_loss_grad":  of(prepareSoftmaxLossGrad),
	"tanh":               of(prepareTanh),
	"tanh_grad":          of(prepareTanhGrad),
	"top_errors":         of(prepareTopErrors),
	"unflatten":          of(prepareUnflatten),
	"warp":               of(prepareWarp),

	"conv2d_grad_input_relu": rectified[op.Conv2DGradInput](prepareConv2DGradInput),
	"dropout_relu":           rectified[op.Dropout](prepareDropout),
	"linear_grad_input_relu": rectified[op.LinearGradInput](prepareLinearGradInput),
	"max_pool_grad_relu":     rectified[op.MaxPoolGrad](prepareMaxPoolGrad),
}
