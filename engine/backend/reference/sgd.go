package reference

import "duet/engine/op"

// sgd writes w, v, and the gradient's peak where it is given; w and v may be, and in a plan are, the inputs' memory.
func sgd[T real](o op.SGD, out, in []tensor[T]) parts {
	w, v, g, rate := in[0].float, in[1].float, in[2].float, in[3].float
	newW, newV := out[0].float, out[1].float
	momentum, decay := float64(o.Momentum), float64(o.WeightDecay)
	update := each(length(in[0]), func(first, end int) {
		step := float64(rate[0]) * float64(o.RateMul)
		for i := first; i < end; i++ {
			velocity := T(momentum*float64(v[i]) - step*(float64(g[i])+decay*float64(w[i])))
			newV[i], newW[i] = velocity, w[i]+velocity
		}
	})
	if len(out) < 3 {
		return update
	}
	return parts{n: update.n + 1, run: func(part int, scratch []float64) {
		if part < update.n {
			update.run(part, scratch)
			return
		}
		out[2].float[0] = peak(g)
	}}
}

func gradientPeak[T real](_ op.GradientPeak, out, in []tensor[T]) parts {
	return parts{n: 1, run: func(int, []float64) { out[0].float[0] = peak(in[2].float) }}
}

// peak is the largest magnitude, or NaN where there is one.
func peak[T real](g []T) (largest T) {
	for _, x := range g {
		if x < 0 {
			x = -x
		}
		if !(x <= largest) {
			if largest = x; x != x {
				return x
			}
		}
	}
	return largest
}
