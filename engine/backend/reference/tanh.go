package reference

import (
	"math"

	"duet/engine/op"
)

func tanh[T real](_ op.Tanh, out, in []tensor[T]) parts {
	x, y := in[0].float, out[0].float
	return each(length(in[0]), func(first, end int) {
		for i := first; i < end; i++ {
			y[i] = T(math.Tanh(float64(x[i])))
		}
	})
}

func tanhGrad[T real](_ op.TanhGrad, out, in []tensor[T]) parts {
	y, dy, dx := in[0].float, in[1].float, out[0].float
	return each(length(in[0]), func(first, end int) {
		for i := first; i < end; i++ {
			dx[i] = T(float64(dy[i]) * (1 - float64(y[i])) * (1 + float64(y[i])))
		}
	})
}
