package reference

import "duet/engine/op"

func relu[T real](_ op.ReLU, out, in []tensor[T]) parts {
	x, y := in[0].float, out[0].float
	return each(length(in[0]), func(first, end int) {
		for i := first; i < end; i++ {
			y[i] = T(rectify(true, float64(x[i])))
		}
	})
}

func reluGrad[T real](_ op.ReLUGrad, out, in []tensor[T]) parts {
	y, dy, dx := in[0].float, in[1].float, out[0].float
	return each(length(in[0]), func(first, end int) {
		for i := first; i < end; i++ {
			if y[i] > 0 {
				dx[i] = dy[i]
			} else {
				dx[i] = 0
			}
		}
	})
}

// length is the number of elements, known before there are any.
func length[T real](t tensor[T]) int { return op.Type{Shape: t.shape}.Len() }
