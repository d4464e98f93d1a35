package reference

import "duet/engine/op"

// weights is how many elements of every filter of a group one part of the weight's gradient computes.
const weights = 16

func conv2dGradWeight[T real](o op.Conv2DGradWeight, out, in []tensor[T]) parts {
	cv := extents(o.Conv, in[0].shape, in[1].shape)
	x, dz, dw := in[0].float, in[1].float, out[0].float
	perGroup := blocks(cv.patch, weights)
	weight := parts{n: cv.Groups * perGroup, scratch: weights * (cv.area + cv.og), run: func(part int, scratch []float64) {
		first := part % perGroup * weights
		count := min(weights, cv.patch-first)
		g := part / perGroup
		seen, sums := scratch[:weights*cv.area], scratch[weights*cv.area:][:cv.og*count]
		clear(sums)
		for n := range cv.n {
			image := x[(n*cv.c+g*cv.cg)*cv.h*cv.w:][:cv.cg*cv.h*cv.w]
			for k := range count {
				look(cv, seen[k*cv.area:][:cv.area], image, first+k)
			}
			products(sums, dz[(n*cv.o+g*cv.og)*cv.area:], cv.area, cv.og, seen, cv.area, count, cv.area)
		}
		for i := range cv.og {
			row := dw[(g*cv.og+i)*cv.patch+first:][:count]
			for k := range row {
				row[k] = T(sums[i*count+k])
			}
		}
	}}
	if len(out) == 1 {
		return weight
	}
	return both(weight, biasParts(cv, out[1].float, dz))
}

// look copies what one element of a filter sees at every place of the output.
func look[T real](cv convolution, seen []float64, image []T, element int) {
	c, u, v := element/cv.Kernel/cv.Kernel, element/cv.Kernel%cv.Kernel, element%cv.Kernel
	for i := range cv.oh {
		row := seen[i*cv.ow:][:cv.ow]
		h := i*cv.Stride + u - cv.Pad
		if h < 0 || h >= cv.h {
			clear(row)
			continue
		}
		pixels := image[(c*cv.h+h)*cv.w:][:cv.w]
		w := v - cv.Pad
		for j := range row {
			if w >= 0 && w < len(pixels) {
				row[j] = float64(pixels[w])
			} else {
				row[j] = 0
			}
			w += cv.Stride
		}
	}
}

func conv2dGradBias[T real](o op.Conv2DGradBias, out, in []tensor[T]) parts {
	return biasParts(extents(o.Conv, in[0].shape, in[1].shape), out[0].float, in[1].float)
}

func biasParts[T real](cv convolution, db, dz []T) parts {
	return parts{n: cv.o, run: func(o int, _ []float64) {
		sum := 0.0
		for n := range cv.n {
			for _, v := range dz[(n*cv.o+o)*cv.area:][:cv.area] {
				sum += float64(v)
			}
		}
		db[o] = T(sum)
	}}
}

// both is the parts of two kernels together.
func both(a, b parts) parts {
	return parts{n: a.n + b.n, scratch: max(a.scratch, b.scratch), run: func(part int, scratch []float64) {
		if part < a.n {
			a.run(part, scratch)
		} else {
			b.run(part-a.n, scratch)
		}
	}}
}
