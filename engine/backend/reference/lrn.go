package reference

import (
	"math"

	"duet/engine/op"
)

func lrn[T real](o op.LRN, out, in []tensor[T]) parts {
	var s []T
	if len(out) == 2 {
		s = out[1].float
	}
	return lrnParts(o, in[0], out[0].float, s)
}

func lrnScale[T real](o op.LRNScale, out, in []tensor[T]) parts {
	return lrnParts(o.LRN, in[0], nil, out[0].float)
}

// lrnParts writes y and s, either of which may be nil: one part is one row of one group of one image.
func lrnParts[T real](o op.LRN, in tensor[T], y, s []T) parts {
	x, c, h, w := in.float, in.shape[1]/o.Groups, in.shape[2], in.shape[3]
	k, alpha, beta, half := float64(o.K), o.Coefficient(), float64(o.Beta), o.Window(in.shape[1])/2
	return parts{n: in.shape[0] * o.Groups * h, scratch: w, run: func(part int, sums []float64) {
		base := part/h*c*h*w + part%h*w
		for i := range c {
			clear(sums)
			for j := max(0, i-half); j <= min(c-1, i+half); j++ {
				for q, v := range x[base+j*h*w:][:w] {
					sums[q] += float64(v) * float64(v)
				}
			}
			at := base + i*h*w
			for q, sum := range sums {
				scale := k + alpha*sum
				if s != nil {
					s[at+q] = T(scale)
				}
				if y != nil {
					y[at+q] = T(float64(x[at+q]) * inversePower(scale, beta))
				}
			}
		}
	}}
}

func lrnGrad[T real](o op.LRNGrad, out, in []tensor[T]) parts {
	shape := in[0].shape
	c, h, w := shape[1]/o.LRN.Groups, shape[2], shape[3]
	alpha, beta, half := o.LRN.Coefficient(), float64(o.LRN.Beta), o.LRN.Window(shape[1])/2
	x, s, dy, dx := in[0].float, in[1].float, in[2].float, out[0].float
	return parts{n: shape[0] * o.LRN.Groups * h, scratch: c*w + w, run: func(part int, scratch []float64) {
		base := part/h*c*h*w + part%h*w
		ratios, sums := scratch[:c*w], scratch[c*w:] // dy*x*s^(-beta-1), and its sum over the window
		for i := range c {
			at := base + i*h*w
			for q := range w {
				scale := float64(s[at+q])
				ratios[i*w+q] = float64(dy[at+q]) * float64(x[at+q]) * inversePower(scale, beta) / scale
			}
		}
		for i := range c {
			clear(sums)
			for j := max(0, i-half); j <= min(c-1, i+half); j++ {
				for q, v := range ratios[j*w:][:w] {
					sums[q] += v
				}
			}
			at := base + i*h*w
			for q, sum := range sums {
				direct := float64(dy[at+q]) * inversePower(float64(s[at+q]), beta)
				dx[at+q] = T(direct - 2*alpha*beta*float64(x[at+q])*sum)
			}
		}
	}}
}

// inversePower is s^-beta, by square roots for the usual 3/4.
func inversePower(s, beta float64) float64 {
	if beta == 0.75 {
		return 1 / math.Sqrt(s*math.Sqrt(s))
	}
	return math.Pow(s, -beta)
}
