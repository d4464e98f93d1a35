package reference

import "duet/engine/op"

// table has a line for every operation.
func table[T real]() map[string]entry[T] {
	all := map[string]entry[T]{
		"add":                 {of(add[T]), 0},
		"augment":             {of(augment[T]), -1},
		"avg_pool":            {of(avgPool[T]), -1},
		"avg_pool_grad":       {of(avgPoolGrad[T]), -1},
		"concat":              {of(concat[T]), -1},
		"conv2d":              {of(conv2d[T]), -1},
		"conv2d_grad_bias":    {of(conv2dGradBias[T]), -1},
		"conv2d_grad_input":   {of(conv2dGradInput[T]), -1},
		"conv2d_grad_weight":  {of(conv2dGradWeight[T]), -1},
		"dropout":             {of(dropout[T]), 0},
		"ema":                 {of(ema[T]), 0},
		"flatten":             {of(same[op.Flatten, T]), 0},
		"linear":              {of(linear[T]), -1},
		"linear_grad_bias":    {of(linearGradBias[T]), -1},
		"linear_grad_input":   {of(linearGradInput[T]), -1},
		"linear_grad_weight":  {of(linearGradWeight[T]), -1},
		"gradient_peak":       {of(gradientPeak[T]), -1},
		"lrn":                 {of(lrn[T]), -1},
		"lrn_grad":            {of(lrnGrad[T]), -1},
		"lrn_max_pool":        {of(lrnMaxPool[T]), -1},
		"lrn_max_pool_argmax": {of(lrnMaxPoolArgmax[T]), -1},
		"lrn_max_pool_grad":   {of(lrnMaxPoolGrad[T]), -1},
		"lrn_scale":           {of(lrnScale[T]), -1},
		"max_pool":            {of(maxPool[T]), -1},
		"max_pool_argmax":     {of(maxPoolArgmax[T]), -1},
		"max_pool_grad":       {of(maxPoolGrad[T]), -1},
		"relu":                {of(relu[T]), 0},
		"relu_grad":           {of(reluGrad[T]), 1},
		"scale":               {of(scale[T]), 0},
		"send":                {of(send[T]), 0},
		"sgd":                 {of(sgd[T]), 0},
		"slice":               {of(slice[T]), -1},
		"softmax":             {of(softmax[T]), 0},
		"softmax_loss":        {of(softmaxLoss[T]), -1},
		"softmax_loss_grad":   {of(softmaxLossGrad[T]), 0},
		"tanh":                {of(tanh[T]), 0},
		"tanh_grad":           {of(tanhGrad[T]), 1},
		"top_errors":          {of(topErrors[T]), -1},
		"unflatten":           {of(same[op.Unflatten, T]), 0},
		"warp":                {of(warp[T]), -1},
	}
	for _, o := range op.Rectifiable() {
		all[op.Rectified{Grad: o}.Name()] = entry[T]{of(rectified[T]), -1}
	}
	return all
}
