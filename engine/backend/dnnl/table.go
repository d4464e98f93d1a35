//go:build dnnl

package dnnl

// #include "shim.h"
import "C"

import (
	"duet/engine/op"
	"duet/internal/rng"
)

// request is a call for a kernel: what it is for, the layouts of its inputs, whether the companion is wanted, the type
// of the output, and the place of an error message.
type request struct {
	device    C.duet_device
	in        **C.duet_layout
	companion C.int
	out       op.Type
	fail      **C.char
}

// table holds the operations by name.
var table = map[string]func(request, op.Op) (k *C.duet_kernel, ok bool){
	"augment": of(func(r request, o op.Augment) *C.duet_kernel {
		return C.duet_augment(r.device, C.int64_t(o.Crop), (*C.float)(&o.Scale[0]), r.in, r.fail)
	}),
	"conv2d": of(func(r request, o op.Conv2D) *C.duet_kernel {
		return C.duet_conv2d(r.device, convolution(o), r.in, r.fail)
	}),
	"conv2d_grad_input": of(func(r request, o op.Conv2DGradInput) *C.duet_kernel {
		return C.duet_conv2d_grad_input(r.device, convolution(o.Conv), C.int64_t(o.H), C.int64_t(o.W), r.in, r.fail)
	}),
	"conv2d_grad_weight": of(func(r request, o op.Conv2DGradWeight) *C.duet_kernel {
		return C.duet_conv2d_grad_weight(r.device, convolution(o.Conv), r.companion, r.in, r.fail)
	}),
	"linear": of(func(r request, o op.Linear) *C.duet_kernel {
		return C.duet_linear(r.device, flag(o.ReLU), r.in, r.fail)
	}),
	"linear_grad_input": of(func(r request, _ op.LinearGradInput) *C.duet_kernel {
		return C.duet_linear_grad_input(r.device, r.in, r.fail)
	}),
	"linear_grad_weight": of(func(r request, _ op.LinearGradWeight) *C.duet_kernel {
		return C.duet_linear_grad_weight(r.device, r.companion, r.in, r.fail)
	}),
	"relu": of(func(r request, _ op.ReLU) *C.duet_kernel {
		return C.duet_relu(r.device, r.in, r.fail)
	}),
	"relu_grad": of(func(r request, _ op.ReLUGrad) *C.duet_kernel {
		return C.duet_relu_grad(r.device, r.in, r.fail)
	}),
	"tanh": of(func(r request, _ op.Tanh) *C.duet_kernel {
		return C.duet_tanh(r.device, r.in, r.fail)
	}),
	"tanh_grad": of(func(r request, _ op.TanhGrad) *C.duet_kernel {
		return C.duet_tanh_grad(r.device, r.in, r.fail)
	}),
	"lrn": of(func(r request, o op.LRN) *C.duet_kernel {
		return C.duet_lrn(r.device, normalisation(o, r.out), r.companion, r.in, r.fail)
	}),
	"lrn_grad": of(func(r request, o op.LRNGrad) *C.duet_kernel {
		return C.duet_lrn_grad(r.device, normalisation(o.LRN, r.out), r.in, r.fail)
	}),
	"max_pool": of(func(r request, o op.MaxPool) *C.duet_kernel {
		return C.duet_max_pool(r.device, pooling(o, r.out), r.companion, r.in, r.fail)
	}),
	"max_pool_grad": of(func(r request, o op.MaxPoolGrad) *C.duet_kernel {
		return C.duet_max_pool_grad(r.device, pooling(o.Pool, r.out), r.in, r.fail)
	}),
	"avg_pool": of(func(r request, o op.AvgPool) *C.duet_kernel {
		return C.duet_avg_pool(r.device, averaging(o, r.out), flag(o.CountPad), r.in, r.fail)
	}),
	"avg_pool_grad": of(func(r request, o op.AvgPoolGrad) *C.duet_kernel {
		return C.duet_avg_pool_grad(r.device, averaging(o.Pool, r.out), flag(o.Pool.CountPad), r.in, r.fail)
	}),
	"dropout": of(func(r request, o op.Dropout) *C.duet_kernel {
		return C.duet_dropout(r.device, mask(o), r.in, r.fail)
	}),
	"scale": of(func(r request, o op.Scale) *C.duet_kernel {
		return C.duet_scale(r.device, C.float(o.Factor), r.in, r.fail)
	}),
	"flatten": of(func(r request, _ op.Flatten) *C.duet_kernel {
		return C.duet_flatten(r.device, r.in, r.fail)
	}),
	"unflatten": of(func(r request, o op.Unflatten) *C.duet_kernel {
		return C.duet_unflatten(r.device, C.int64_t(o.C), C.int64_t(o.H), C.int64_t(o.W), r.in, r.fail)
	}),
	"concat": of(func(r request, _ op.Concat) *C.duet_kernel {
		return C.duet_concat(r.device, r.in, r.fail)
	}),
	"slice": of(func(r request, o op.Slice) *C.duet_kernel {
		return C.duet_slice(r.device, C.int64_t(o.First), C.int64_t(o.End), r.in, r.fail)
	}),
	"add": of(func(r request, _ op.Add) *C.duet_kernel {
		return C.duet_add(r.device, r.in, r.fail)
	}),
	"send": of(func(r request, _ op.Send) *C.duet_kernel {
		return C.duet_send(r.device, r.in, r.fail)
	}),
	"softmax": of(func(r request, _ op.Softmax) *C.duet_kernel {
		return C.duet_softmax(r.device, r.in, r.fail)
	}),
	"softmax_loss": of(func(r request, o op.SoftmaxLoss) *C.duet_kernel {
		return C.duet_softmax_loss(r.device, C.float(o.Smoothing), flag(o.Weighted), r.in, r.fail)
	}),
	"softmax_loss_grad": of(func(r request, o op.SoftmaxLossGrad) *C.duet_kernel {
		return C.duet_softmax_loss_grad(r.device, C.float(o.Loss.Smoothing), flag(o.Loss.Weighted), r.in, r.fail)
	}),
	"top_errors": of(func(r request, _ op.TopErrors) *C.duet_kernel {
		return C.duet_top_errors(r.device, r.in, r.fail)
	}),
	"warp": of(func(r request, o op.Warp) *C.duet_kernel {
		return C.duet_warp(r.device, C.int64_t(o.Crop), (*C.float)(&o.Scale[0]), r.in, r.fail)
	}),
	"ema": of(func(r request, o op.EMA) *C.duet_kernel {
		return C.duet_ema(r.device, C.float(o.Decay), r.in, r.fail)
	}),
	"sgd": of(func(r request, o op.SGD) *C.duet_kernel {
		u := C.duet_update{momentum: C.float(o.Momentum), decay: C.float(o.WeightDecay), rate: C.float(o.RateMul)}
		return C.duet_sgd(r.device, u, r.companion, r.in, r.fail)
	}),
}

// of adapts an entry to the table: it says false of an operation of another type under the same name.
func of[O op.Op](prepare func(request, O) *C.duet_kernel) func(request, op.Op) (*C.duet_kernel, bool) {
	return func(r request, o op.Op) (*C.duet_kernel, bool) {
		mine, ok := o.(O)
		if !ok {
			return nil, false
		}
		return prepare(r, mine), true
	}
}

func convolution(o op.Conv2D) C.duet_convolution {
	return C.duet_convolution{
		kernel: C.int(o.Kernel), stride: C.int(o.Stride), pad: C.int(o.Pad), groups: C.int(o.Groups), relu: flag(o.ReLU),
	}
}

func normalisation(o op.LRN, out op.Type) C.duet_normalisation {
	return C.duet_normalisation{
		size: C.int(o.Window(out.Shape[1])), groups: C.int(o.Groups), k: C.float(o.K), alpha: C.float(o.Coefficient()),
		beta: C.float(o.Beta),
	}
}

func pooling(o op.MaxPool, out op.Type) C.duet_pooling {
	return C.duet_pooling{
		kernel: C.int(o.Kernel), stride: C.int(o.Stride), pad: C.int(o.Pad),
		height: C.int64_t(out.Shape[2]), width: C.int64_t(out.Shape[3]),
	}
}

func averaging(o op.AvgPool, out op.Type) C.duet_pooling {
	return pooling(op.MaxPool{Kernel: o.Kernel, Stride: o.Stride, Pad: o.Pad}, out)
}

func mask(o op.Dropout) C.duet_mask {
	return C.duet_mask{
		threshold: C.uint32_t(o.Threshold()), tag: C.uint32_t(rng.Tag(rng.Dropout, o.Stream)), factor: C.float(o.Factor()),
		width: C.uint64_t(o.Width), first: C.uint64_t(o.First),
	}
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
