package reference

import (
	"math"

	"duet/engine/op"
)

// The formulas of engine/op as loops over every index, nothing hoisted: what the kernels are tested against.

type array = op.Array

func f64(a array) []float64 { return a.Data.([]float64) }

// at is the element of a 4-D array, 0 outside.
func at(a array, n, c, h, w int) float64 {
	s := a.Shape
	if h < 0 || w < 0 || h >= s[2] || w >= s[3] {
		return 0
	}
	return f64(a)[((n*s[1]+c)*s[2]+h)*s[3]+w]
}

// every calls f for all indices of a shape, with the flat index first.
func every(shape []int, f func(i int, x []int)) {
	index := make([]int, len(shape))
	for i := range (op.Type{Shape: shape}).Len() {
		rest := i
		for d := len(shape) - 1; d >= 0; d-- {
			index[d] = rest % shape[d]
			rest /= shape[d]
		}
		f(i, index)
	}
}

func naive(o op.Op, out array, in []array) {
	y := f64(out)
	switch o := o.(type) {
	case op.Conv2D:
		og := out.Shape[1] / o.Groups
		every(out.Shape, func(i int, p []int) {
			sum := f64(in[2])[p[1]]
			every(in[1].Shape[1:], func(k int, q []int) {
				c := p[1]/og*in[1].Shape[1] + q[0]
				sum += at(in[0], p[0], c, p[2]*o.Stride+q[1]-o.Pad, p[3]*o.Stride+q[2]-o.Pad) * at(in[1], p[1], q[0], q[1], q[2])
			})
			if o.ReLU {
				sum = math.Max(sum, 0)
			}
			y[i] = sum
		})
	case op.Conv2DGradInput:
		clear(y)
		cg, og := in[0].Shape[1], in[0].Shape[0]/o.Conv.Groups
		every(in[1].Shape, func(i int, p []int) {
			every(in[0].Shape[1:], func(k int, q []int) {
				h, w := p[2]*o.Conv.Stride+q[1]-o.Conv.Pad, p[3]*o.Conv.Stride+q[2]-o.Conv.Pad
				if h >= 0 && w >= 0 && h < o.H && w < o.W {
					c := p[1]/og*cg + q[0]
					y[((p[0]*out.Shape[1]+c)*o.H+h)*o.W+w] += f64(in[1])[i] * at(in[0], p[1], q[0], q[1], q[2])
				}
			})
		})
	case op.Conv2DGradWeight:
		og := out.Shape[0] / o.Conv.Groups
		every(out.Shape, func(i int, q []int) {
			sum := 0.0
			dz := in[1].Shape
			every([]int{dz[0], dz[2], dz[3]}, func(_ int, p []int) {
				c := q[0]/og*out.Shape[1] + q[1]
				h, w := p[1]*o.Conv.Stride+q[2]-o.Conv.Pad, p[2]*o.Conv.Stride+q[3]-o.Conv.Pad
				sum += at(in[1], p[0], q[0], p[1], p[2]) * at(in[0], p[0], c, h, w)
			})
			y[i] = sum
		})
	case op.Linear:
		every(out.Shape, func(i int, p []int) {
			sum := f64(in[2])[p[1]]
			for k := range in[0].Shape[1] {
				sum += f64(in[0])[p[0]*in[0].Shape[1]+k] * f64(in[1])[p[1]*in[0].Shape[1]+k]
			}
			if o.ReLU {
				sum = math.Max(sum, 0)
			}
			y[i] = sum
		})
	case op.LinearGradInput:
		clear(y)
		every(in[0].Shape, func(i int, p []int) {
			for n := range out.Shape[0] {
				y[n*out.Shape[1]+p[1]] += f64(in[1])[n*in[1].Shape[1]+p[0]] * f64(in[0])[i]
			}
		})
	case op.LinearGradWeight:
		clear(y)
		every(out.Shape, func(i int, p []int) {
			for n := range in[0].Shape[0] {
				y[i] += f64(in[1])[n*in[1].Shape[1]+p[0]] * f64(in[0])[n*in[0].Shape[1]+p[1]]
			}
		})
	case op.LRN:
		naiveLRN(o, in[0], func(i int, s float64) { y[i] = f64(in[0])[i] * math.Pow(s, -float64(o.Beta)) })
	case op.LRNScale:
		naiveLRN(o.LRN, in[0], func(i int, s float64) { y[i] = s })
	case op.LRNGrad:
		l, beta := o.LRN, float64(o.LRN.Beta)
		cg := out.Shape[1] / l.Groups
		every(out.Shape, func(i int, p []int) {
			sum := 0.0
			for c := range out.Shape[1] {
				if c/cg == p[1]/cg && c-p[1] <= l.N/2 && p[1]-c <= l.N/2 {
					sum += at(in[2], p[0], c, p[2], p[3]) * at(in[0], p[0], c, p[2], p[3]) * math.Pow(at(in[1], p[0], c, p[2], p[3]),
						-beta-1)
				}
			}
			y[i] = f64(in[2])[i]*math.Pow(f64(in[1])[i], -beta) - 2*l.Coefficient()*beta*f64(in[0])[i]*sum
		})
	case op.MaxPool:
		every(out.Shape, func(i int, p []int) {
			y[i] = math.Inf(-1)
			every([]int{o.Kernel, o.Kernel}, func(_ int, q []int) {
				if h, w := p[2]*o.Stride+q[0]-o.Pad, p[3]*o.Stride+q[1]-o.Pad; h >= 0 && w >= 0 && h < in[0].Shape[2] &&
					w < in[0].Shape[3] {
					y[i] = math.Max(y[i], at(in[0], p[0], p[1], h, w))
				}
			})
		})
	case op.AvgPool:
		every(out.Shape, func(i int, p []int) {
			sum, cells := 0.0, 0.0
			every([]int{o.Kernel, o.Kernel}, func(_ int, q []int) {
				h, w := p[2]*o.Stride+q[0]-o.Pad, p[3]*o.Stride+q[1]-o.Pad
				sum += at(in[0], p[0], p[1], h, w)
				if pad := o.Pad; h < in[0].Shape[2] && w < in[0].Shape[3] && h >= 0 && w >= 0 ||
					o.CountPad && h < in[0].Shape[2]+pad && w < in[0].Shape[3]+pad {
					cells++
				}
			})
			y[i] = sum / cells
		})
	case op.Augment:
		images, draws, mean := in[0].Data.([]uint8), f64(in[1]), in[2]
		height, width := in[0].Shape[1], in[0].Shape[2]
		every(out.Shape, func(i int, p []int) {
			draw := draws[p[0]*op.Draws:]
			h, w := int(draw[0])+p[2], int(draw[1])+p[3]
			if draw[2] == 1 {
				w = int(draw[1]) + o.Crop - 1 - p[3]
			}
			if h < 0 || w < 0 || h >= height || w >= width {
				y[i] = 0
				return
			}
			m := f64(mean)[p[1]]
			if len(f64(mean)) > 3 {
				m = f64(mean)[(p[1]*height+h)*width+w]
			}
			y[i] = float64(o.Scale[p[1]]) * (float64(images[((p[0]*height+h)*width+w)*3+p[1]]) - m + draw[3+p[1]])
		})
	case op.Warp: // every pixel counts by how near it is
		images, draws, mean := in[0].Data.([]uint8), f64(in[1]), f64(in[2])
		height, width := in[0].Shape[1], in[0].Shape[2]
		near := func(at float64, q, n int) float64 {
			if at < -0.5 || at >= float64(n)-0.5 {
				return 0
			}
			return math.Max(0, 1-math.Abs(math.Min(math.Max(at, 0), float64(n-1))-float64(q)))
		}
		every(out.Shape, func(i int, p []int) {
			d, c := draws[p[0]*op.WarpDraws:], p[1]
			h := d[0] + d[1]*float64(p[2]) + d[2]*float64(p[3])
			w := d[3] + d[4]*float64(p[2]) + d[5]*float64(p[3])
			y[i] = 0
			every([]int{height, width}, func(q int, at []int) {
				m := mean[c]
				if len(mean) > 3 {
					m = mean[c*height*width+q]
				}
				pixel := float64(images[(p[0]*height*width+q)*3+c])
				y[i] += near(h, at[0], height) * near(w, at[1], width) * d[7] * float64(o.Scale[c]) * (d[6]*pixel - m + d[8+c])
			})
		})
	default:
		panic("no naive form of " + o.Name())
	}
}

func naiveLRN(o op.LRN, x array, put func(i int, s float64)) {
	cg := x.Shape[1] / o.Groups
	every(x.Shape, func(i int, p []int) {
		sum := 0.0
		for c := range x.Shape[1] {
			if c/cg == p[1]/cg && c-p[1] <= o.N/2 && p[1]-c <= o.N/2 {
				sum += math.Pow(at(x, p[0], c, p[2], p[3]), 2)
			}
		}
		put(i, float64(o.K)+o.Coefficient()*sum)
	})
}
