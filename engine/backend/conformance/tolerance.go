package conformance

import (
	"math"
	"testing"

	"duet/engine/op"
)

// Units of rounding: the largest relative error of rounding to nearest.
const (
	unit32   = 1.0 / (1 << 24)
	unit64   = 1.0 / (1 << 53)
	unitBF16 = 1.0 / (1 << 8) // bf16 keeps 8 bits, so half a unit is 2^-9; twice that, as kernels round twice at times
)

// The factors of the unit of accumulation.
const (
	// sumTol and sumGrowth bound a sum of k products by (sumTol + sumGrowth*sqrt(k)) units of the sum of their absolute
	// values: rounding errors of a sum are as good as independent, so that they grow with the square root of their
	// number (Higham, Mary 2019), where the certain bound would be k.
	sumTol, sumGrowth = 8, 2
	// powerTol is for a few multiplications, divisions and roots, or a power of a good library.
	powerTol = 24
	// keptTol is for the rounding of a stored s in both terms of lrn_grad, which has its powers -Beta and -Beta-1.
	keptTol = 4
	// exponentTol is for an exponential, a logarithm and a short sum; the error of an exponential's argument comes on top.
	exponentTol = 32
	// elementTol is for two or three roundings.
	elementTol = 4
	// handTol is for values given by the cases, of a few operations, in units of storage.
	handTol = 16
)

// bound is how far a device may be from the exact output number q, for every element; nil where it must be exact.
func (s *suite) bound(t testing.TB, o op.Op, in []op.Array, q int, want op.Array) []float64 {
	t.Helper()
	w, isReal := want.Data.([]float64)
	if !isReal {
		return nil
	}
	switch o := o.(type) {
	case op.ReLU, op.ReLUGrad, op.MaxPool, op.Concat, op.Slice, op.Flatten, op.Unflatten, op.Send,
		op.GradientPeak:
		return nil
	case op.Conv2D, op.Conv2DGradInput, op.Conv2DGradWeight, op.Conv2DGradBias, op.Linear, op.LinearGradInput,
		op.LinearGradWeight, op.LinearGradBias:
		return s.sumBound(w, magnitude(t, o, in), terms(o, in, want))
	case op.MaxPoolGrad:
		windows := (o.Pool.Kernel + o.Pool.Stride - 1) / o.Pool.Stride
		// Kernels may add up the windows that a place won in the precision of storage.
		return s.per(w, float64(windows*windows), magnitude(t, o, in), s.stored)
	case op.AvgPool:
		return s.sumBound(w, magnitude(t, o, in), o.Kernel*o.Kernel)
	case op.AvgPoolGrad:
		windows := (o.Pool.Kernel + o.Pool.Stride - 1) / o.Pool.Stride
		return s.sumBound(w, magnitude(t, o, in), windows*windows)
	case op.LRN, op.LRNScale:
		return s.per(w, powerTol, w, s.unit)
	case op.LRNGrad:
		// What a kernel keeps for the gradient it may keep in the precision of storage.
		return s.per(w, keptTol, lrnMagnitude(t, o, in), math.Max(s.stored, powerTol/keptTol*s.unit))
	case op.LRNMaxPool:
		return s.per(w, powerTol, w, s.unit)
	case op.LRNMaxPoolGrad:
		return s.per(w, powerTol, lrnMaxPoolMagnitude(t, o, in), s.unit)
	case op.Rectified:
		bound, y := s.bound(t, o.Grad, in[:len(in)-1], q, want), in[len(in)-1].Data.([]float64)
		for i := range bound {
			if !(y[i] > 0) {
				bound[i] = 0
			}
		}
		return bound
	case op.Softmax:
		return s.per(w, exponentTol+elementTol*largest(in[0]), w, s.unit)
	case op.SoftmaxLoss: // in fp32 on every device
		scale := 1 + largest(in[0])
		return []float64{exponentTol * s.unit * scale * scale * targetSize(in[2:])}
	case op.SoftmaxLossGrad:
		scale := math.Abs(in[2].Data.([]float64)[0]) / float64(in[0].Shape[0]) * targetSize(in[3:])
		return s.per(w, exponentTol+elementTol*largest(in[0]), constant(len(w), scale), s.unit)
	case op.TopErrors:
		return constant(len(w), elementTol*s.unit)
	case op.EMA: // fp32 on every device
		return s.emaBound(o, in)
	case op.SGD:
		return s.sgdBound(o, q, in)
	case op.Augment:
		shift := largestOf(in[1], 3, op.Draws)
		return s.per(w, elementTol, sightMagnitude(o.Crop, o.Scale, 1, 1, shift, in[2], len(w)), s.unit)
	case op.Warp: // 16 roundings; the places are the same on every device
		d := in[1]
		return s.per(w, powerTol, sightMagnitude(o.Crop, o.Scale, largestOf(d, 6, 7), largestOf(d, 7, 8),
			largestOf(d, 8, op.WarpDraws), in[2], len(w)), s.unit)
	}
	return s.per(w, elementTol, w, s.unit) // scale, dropout, add: what is 0 is exactly 0
}

// per is factor*unit of a magnitude, and the rounding of the stored result.
func (s *suite) per(want []float64, factor float64, magnitude []float64, unit float64) []float64 {
	bound := make([]float64, len(want))
	for i, w := range want {
		bound[i] = factor*unit*math.Abs(magnitude[i]) + s.stored*math.Abs(w)
	}
	return bound
}

func (s *suite) sumBound(want, magnitude []float64, k int) []float64 {
	return s.per(want, sumTol+sumGrowth*math.Sqrt(float64(k)), magnitude, s.unit)
}

// terms is how many products a sum has.
func terms(o op.Op, in []op.Array, want op.Array) int {
	switch o.(type) {
	case op.Conv2D:
		return in[1].Len()/in[1].Shape[0] + 1
	case op.Conv2DGradInput:
		return in[0].Len() / in[0].Shape[1]
	case op.Conv2DGradWeight, op.Conv2DGradBias:
		return in[1].Len() / in[1].Shape[1]
	case op.Linear:
		return in[0].Shape[1] + 1
	case op.LinearGradInput:
		return in[0].Shape[0]
	}
	return in[0].Shape[0] // the batch
}

// magnitude is the same sums of absolute values.
func magnitude(t testing.TB, o op.Op, in []op.Array) []float64 {
	t.Helper()
	switch f := o.(type) {
	case op.Conv2D:
		f.ReLU = false
		o = f
	case op.Linear:
		f.ReLU = false
		o = f
	}
	return reals(t, o, absolute(in))
}

func absolute(in []op.Array) []op.Array {
	out := make([]op.Array, len(in))
	for i, a := range in {
		out[i] = a
		if f, isReal := a.Data.([]float64); isReal {
			positive := make([]float64, len(f))
			for q, v := range f {
				positive[q] = math.Abs(v)
			}
			out[i].Data = positive
		}
	}
	return out
}

// lrnMagnitude is the sum of the absolute values of the gradient's two terms. The formula subtracts the second from the
// first, which alpha 0 gives alone.
func lrnMagnitude(t testing.TB, o op.LRNGrad, in []op.Array) []float64 {
	t.Helper()
	in = absolute(in)
	difference := reals(t, o, in)
	o.LRN.Alpha = 0
	first := reals(t, o, in)
	for i := range first {
		first[i] = 2*first[i] - difference[i]
	}
	return first
}

// lrnMaxPoolMagnitude is the same of the fused gradient: of what its two steps would be.
func lrnMaxPoolMagnitude(t testing.TB, o op.LRNMaxPoolGrad, in []op.Array) []float64 {
	t.Helper()
	norm, x := o.LRNMaxPool.LRN, in[0]
	s := evaluate(t, op.LRNScale{LRN: norm}, in[:1])[0]
	dy := evaluate(t, op.MaxPoolGrad{Pool: o.LRNMaxPool.Pool, H: x.Shape[2], W: x.Shape[3]}, absolute(in[1:]))[0]
	return lrnMagnitude(t, op.LRNGrad{LRN: norm}, []op.Array{x, s, dy})
}

// sightMagnitude is the largest that the terms of what a network sees can be: 255, the mean and the shift.
func sightMagnitude(crop int, scale [3]float32, brightness, contrast, shift float64, mean op.Array, n int) []float64 {
	bound, area, most := make([]float64, n), crop*crop, contrast*(brightness*255+largest(mean)+shift)
	for i := range bound {
		bound[i] = math.Abs(float64(scale[i/area%3])) * most
	}
	return bound
}

// largestOf is the largest of columns first to end-1 of rows of numbers.
func largestOf(a op.Array, first, end int) float64 {
	m := 0.0
	for i, v := range a.Data.([]float64) {
		if q := i % a.Shape[1]; q >= first && q < end {
			m = math.Max(m, math.Abs(v))
		}
	}
	return m
}

// targetSize is the largest sum of what a loss asks of an image: 1, or the largest weight of a class.
func targetSize(weights []op.Array) float64 {
	if len(weights) == 0 {
		return 1
	}
	return largest(weights[0])
}

func largest(a op.Array) float64 {
	m := 0.0
	for _, v := range a.Data.([]float64) {
		m = math.Max(m, math.Abs(v))
	}
	return m
}

func constant(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// emaBound is that of the sum of two products.
func (s *suite) emaBound(o op.EMA, in []op.Array) []float64 {
	a, w, decay := in[0].Data.([]float64), in[1].Data.([]float64), float64(o.Decay)
	bound := make([]float64, len(a))
	for i := range a {
		bound[i] = elementTol * s.unit * (decay*math.Abs(a[i]) + (1-decay)*math.Abs(w[i]))
	}
	return bound
}

// sgdBound is that of the new weight, or of the new velocity. Both are fp32 on every device.
func (s *suite) sgdBound(o op.SGD, q int, in []op.Array) []float64 {
	w, v, g := in[0].Data.([]float64), in[1].Data.([]float64), in[2].Data.([]float64)
	step := math.Abs(in[3].Data.([]float64)[0] * float64(o.RateMul))
	momentum, decay := float64(o.Momentum), float64(o.WeightDecay)
	bound := make([]float64, len(w))
	for i := range w {
		bound[i] = elementTol * s.unit * (math.Abs(momentum*v[i]) + step*(math.Abs(g[i])+decay*math.Abs(w[i])))
		if q == 0 {
			bound[i] += elementTol * s.unit * math.Abs(w[i])
		}
	}
	return bound
}
