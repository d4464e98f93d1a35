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

func softmaxLoss[T real](_ op.SoftmaxLoss, out, in []tensor[T]) parts {
	batch, classes := in[0].shape[0], in[0].shape[1]
	z, labels, loss := in[0].float, in[1].ints, out[0].float
	return parts{n: 1, run: func(int, []float64) {
		sum := 0.0
		for n, label := range labels {
			row := z[n*classes:][:classes]
			if label < 0 || int(label) >= classes {
				sum = math.NaN()
				break
			}
			largest, exps := sumExp(row)
			sum += math.Log(exps) - (float64(row[label]) - largest)
		}
		loss[0] = T(sum / float64(batch))
	}}
}

func softmaxLossGrad[T real](_ op.SoftmaxLossGrad, out, in []tensor[T]) parts {
	batch, classes := in[0].shape[0], in[0].shape[1]
	z, labels, dloss, dz := in[0].float, in[1].ints, in[2].float, out[0].float
	return parts{n: batch, run: func(n int, _ []float64) {
		row := z[n*classes:][:classes]
		largest, sum := sumExp(row)
		factor := float64(dloss[0]) / float64(batch)
		for k, v := range row {
			p := math.Exp(float64(v)-largest) / sum
			if k == int(labels[n]) {
				p--
			}
			dz[n*classes+k] = T(factor * p)
		}
	}}
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
