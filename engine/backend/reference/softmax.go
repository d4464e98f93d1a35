package reference

import (
	"math"

	"duet/engine/op"
)

func softmax[T real](_ op.Softmax, out, in []tensor[T]) parts {
	batch, classes := in[0].shape[0], in[0].shape[1]
	z, p := in[0].float, out[0].float
	return parts{n: batch, run: func(n int, _ []float64) {
		row := z[n*classes:][:classes]
		largest, sum := sumExp(row)
		for k, v := range row {
			p[n*classes+k] = T(math.Exp(float64(v)-largest) / sum)
		}
	}}
}

func softmaxLoss[T real](o op.SoftmaxLoss, out, in []tensor[T]) parts {
	batch, classes := in[0].shape[0], in[0].shape[1]
	z, labels, loss, w := in[0].float, in[1].ints, out[0].float, weightsOf(in[2:])
	label, all := shares(o, classes)
	return parts{n: 1, run: func(int, []float64) {
		sum := 0.0
		for n, own := range labels {
			row := z[n*classes:][:classes]
			if own < 0 || int(own) >= classes {
				sum = math.NaN()
				break
			}
			largest, exps := sumExp(row)
			missing := func(k int) float64 { return w(k) * (math.Log(exps) - (float64(row[k]) - largest)) }
			sum += label * missing(int(own))
			for k := 0; all > 0 && k < classes; k++ {
				sum += all * missing(k)
			}
		}
		loss[0] = T(sum / float64(batch))
	}}
}

func softmaxLossGrad[T real](o op.SoftmaxLossGrad, out, in []tensor[T]) parts {
	batch, classes := in[0].shape[0], in[0].shape[1]
	z, labels, dloss, dz, w := in[0].float, in[1].ints, in[2].float, out[0].float, weightsOf(in[3:])
	label, all := shares(o.Loss, classes)
	return parts{n: batch, run: func(n int, _ []float64) {
		row := z[n*classes:][:classes]
		largest, sum := sumExp(row)
		factor := float64(dloss[0]) / float64(batch)
		total := 0.0
		target := func(k int) float64 {
			t := all * w(k)
			if k == int(labels[n]) {
				t += label * w(k)
			}
			return t
		}
		for k := range row {
			total += target(k)
		}
		for k, v := range row {
			dz[n*classes+k] = T(factor * (math.Exp(float64(v)-largest)/sum*total - target(k)))
		}
	}}
}

// weightsOf are the classes' weights, 1 where there are none.
func weightsOf[T real](in []tensor[T]) func(k int) float64 {
	if len(in) == 0 {
		return func(int) float64 { return 1 }
	}
	w := in[0].float
	return func(k int) float64 { return float64(w[k]) }
}

// shares are what the label's class and what every class should give.
func shares(o op.SoftmaxLoss, classes int) (label, all float64) {
	return 1 - float64(o.Smoothing), float64(o.Smoothing) / float64(classes)
}

// sumExp is the sum of exp(z - largest), which does not overflow, and the largest z.
func sumExp[T real](row []T) (largest, sum float64) {
	largest = math.Inf(-1)
	for _, v := range row {
		largest = math.Max(largest, float64(v)) // NaN stays NaN
	}
	for _, v := range row {
		sum += math.Exp(float64(v) - largest)
	}
	return largest, sum
}

func topErrors[T real](_ op.TopErrors, out, in []tensor[T]) parts {
	batch, classes := in[0].shape[0], in[0].shape[1]
	z, labels, y := in[0].float, in[1].ints, out[0].float
	return parts{n: 1, run: func(int, []float64) {
		var wrong1, wrong5 int
		for n, label := range labels {
			r := rank(z[n*classes:][:classes], int(label))
			if r >= 1 {
				wrong1++
			}
			if r >= 5 {
				wrong5++
			}
		}
		y[0], y[1] = T(float64(wrong1)/float64(batch)), T(float64(wrong5)/float64(batch))
	}}
}

// rank is how many classes come before the label: those with a larger z, those before it with an equal one, and those
// that a NaN leaves open. A label that is no class comes last.
func rank[T real](row []T, label int) int {
	if label < 0 || label >= len(row) {
		return max(5, len(row))
	}
	r := 0
	for k, v := range row {
		if k != label && (!(v <= row[label]) || v == row[label] && k < label) {
			r++
		}
	}
	return r
}
