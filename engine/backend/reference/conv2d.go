package reference

import "duet/engine/op"

// convolution holds the extents of one: a patch is the part of one group's input that one output sees, in the order of
// the weight, with zeros outside the image.
type convolution struct {
	op.Conv2D
	n, c, h, w  int // input
	o, oh, ow   int // output
	cg, og      int // maps of one group
	patch, area int // elements of a patch; places of the output
}

func extents(o op.Conv2D, x, y []int) convolution {
	return convolution{
		Conv2D: o,
		n:      x[0], c: x[1], h: x[2], w: x[3],
		o: y[1], oh: y[2], ow: y[3],
		cg: x[1] / o.Groups, og: y[1] / o.Groups,
		patch: x[1] / o.Groups * o.Kernel * o.Kernel, area: y[2] * y[3],
	}
}

// places is how many outputs one part of the forward convolution computes for all maps of a group.
const places = 16

func conv2d[T real](o op.Conv2D, out, in []tensor[T]) parts {
	cv := extents(o, in[0].shape, out[0].shape)
	x, w, b, y := in[0].float, in[1].float, in[2].float, out[0].float
	perImage := blocks(cv.area, places)
	return parts{n: cv.n * cv.Groups * perImage, scratch: places * (cv.patch + cv.og),
		run: func(part int, scratch []float64) {
			first := part % perImage * places
			count := min(places, cv.area-first)
			n, g := part/perImage/cv.Groups, part/perImage%cv.Groups
			patches, sums := scratch[:places*cv.patch], scratch[places*cv.patch:][:cv.og*count]
			image := x[(n*cv.c+g*cv.cg)*cv.h*cv.w:][:cv.cg*cv.h*cv.w]
			for p := range count {
				gather(cv, patches[p*cv.patch:][:cv.patch], image, first+p)
			}
			for i := range sums {
				sums[i] = float64(b[g*cv.og+i/count])
			}
			products(sums, w[g*cv.og*cv.patch:], cv.patch, cv.og, patches, cv.patch, count, cv.patch)
			for i := range cv.og {
				row := y[(n*cv.o+g*cv.og+i)*cv.area+first:][:count]
				for p := range row {
					row[p] = T(rectify(cv.ReLU, sums[i*count+p]))
				}
			}
		}}
}

// gather copies the patch of one place of the output.
func gather[T real](cv convolution, patch []float64, image []T, place int) {
	top, left := place/cv.ow*cv.Stride-cv.Pad, place%cv.ow*cv.Stride-cv.Pad
	from, to := max(0, -left), min(cv.Kernel, cv.w-left)
	for c := range cv.cg {
		for u := range cv.Kernel {
			row := patch[(c*cv.Kernel+u)*cv.Kernel:][:cv.Kernel]
			h := top + u
			if h < 0 || h >= cv.h || from >= to {
				clear(row)
				continue
			}
			clear(row[:from])
			clear(row[to:])
			pixels := image[(c*cv.h+h)*cv.w+left+from:][:to-from]
			for v, p := range pixels {
				row[from+v] = float64(p)
			}
		}
	}
}
