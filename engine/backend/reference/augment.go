package reference

import "duet/engine/op"

func augment[T real](o op.Augment, out, in []tensor[T]) parts {
	batch, h, w := in[0].shape[0], in[0].shape[1], in[0].shape[2]
	images, draws, mean, y := in[0].bytes, in[1].float, in[2].float, out[0].float
	// Strides of the mean: all places share one value where there is one a channel.
	meanC, meanH, meanW := h*w, w, 1
	if in[2].shape[1] == 1 && in[2].shape[2] == 1 {
		meanC, meanH, meanW = 1, 0, 0
	}
	return parts{n: batch * 3, run: func(part int, _ []float64) {
		n, c := part/3, part%3
		draw := draws[n*op.Draws:][:op.Draws]
		top, left, mirror, shift := int(draw[0]), int(draw[1]), draw[2] != 0, float64(draw[3+c])
		for i := range o.Crop {
			row := y[(part*o.Crop+i)*o.Crop:][:o.Crop]
			line := top + i
			if line < 0 || line >= h {
				clear(row)
				continue
			}
			for j := range row {
				at := left + j
				if mirror {
					at = left + o.Crop - 1 - j
				}
				if at < 0 || at >= w {
					row[j] = 0
					continue
				}
				pixel, m := images[((n*h+line)*w+at)*3+c], mean[c*meanC+line*meanH+at*meanW]
				row[j] = T(float64(o.Scale[c]) * (float64(pixel) - float64(m) + shift))
			}
		}
	}}
}
