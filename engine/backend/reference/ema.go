package reference

import "duet/engine/op"

// ema writes the average, which may be, and in a plan is, the first input's memory.
func ema[T real](o op.EMA, out, in []tensor[T]) parts {
	a, w, averaged := in[0].float, in[1].float, out[0].float
	decay := float64(o.Decay)
	return each(length(in[0]), func(first, end int) {
		for i := first; i < end; i++ {
			averaged[i] = T(decay*float64(a[i]) + (1-decay)*float64(w[i]))
		}
	})
}
