package reference

import "duet/engine/op"

func conv2dGradInput[T real](o op.Conv2DGradInput, out, in []tensor[T]) parts {
	cv := extents(o.Conv, out[0].shape, in[1].shape)
	w, dz, dx := in[0].float, in[1].float, out[0].float
	kernel, plane := cv.Kernel*cv.Kernel, cv.h*cv.w
	// One part makes this many maps of dx: rows of about 100 weights at a time.
	maps := min(cv.cg, max(1, blocks(100, kernel)))
	perGroup := blocks(cv.cg, maps)
	need := maps*plane + maps*kernel + cv.og
	return parts{n: cv.n * cv.Groups * perGroup, scratch: need, run: func(part int, scratch []float64) {
		first := part % perGroup * maps
		count := min(maps, cv.cg-first)
		n, g := part/perGroup/cv.Groups, part/perGroup%cv.Groups
		sums, patch, z := scratch[:count*plane], scratch[maps*plane:][:count*kernel], scratch[maps*(plane+kernel):][:cv.og]
		weights := w[g*cv.og*cv.patch+first*kernel:]
		clear(sums)
		for place := range cv.area {
			for i := range z {
				z[i] = float64(dz[(n*cv.o+g*cv.og+i)*cv.area+place])
			}
			clear(patch)
			combine(patch, z, weights, cv.patch)
			scatter(cv, sums, patch, count, place)
		}
		for i, v := range sums {
			dx[(n*cv.c+g*cv.cg+first)*plane+i] = T(v)
		}
	}}
}

// scatter adds the gradient of one patch of some maps to the places that the patch was taken from.
func scatter(cv convolution, image, patch []float64, maps, place int) {
	top, left := place/cv.ow*cv.Stride-cv.Pad, place%cv.ow*cv.Stride-cv.Pad
	from, to := max(0, -left), min(cv.Kernel, cv.w-left)
	if from >= to {
		return
	}
	for c := range maps {
		for u := max(0, -top); u < min(cv.Kernel, cv.h-top); u++ {
			row := patch[(c*cv.Kernel+u)*cv.Kernel+from:][:to-from]
			pixels := image[(c*cv.h+top+u)*cv.w+left+from:][:to-from]
			for v, p := range row {
				pixels[v] += p
			}
		}
	}
}
