package reference

import (
	"math"

	"duet/engine/op"
)

func warp[T real](o op.Warp, out, in []tensor[T]) parts {
	batch, h, w := in[0].shape[0], in[0].shape[1], in[0].shape[2]
	images, draws, mean, y := in[0].bytes, in[1].float, in[2].float, out[0].float
	whole := in[2].shape[1] != 1 || in[2].shape[2] != 1
	return parts{n: batch * 3, run: func(part int, _ []float64) {
		n, c := part/3, part%3
		d := draws[n*op.WarpDraws:][:op.WarpDraws]
		brightness, contrast, shift := float64(d[6]), float64(d[7]), float64(d[8+c])
		level := func(line, column int) float64 {
			m := float64(mean[c])
			if whole {
				m = float64(mean[(c*h+line)*w+column])
			}
			return brightness*float64(images[((n*h+line)*w+column)*3+c]) - m
		}
		for i := range o.Crop {
			row := y[(part*o.Crop+i)*o.Crop:][:o.Crop]
			for j := range row {
				above, below, down, inH := between(place(d[0:3], i, j), h)
				before, after, along, inW := between(place(d[3:6], i, j), w)
				if !inH || !inW {
					row[j] = 0
					continue
				}
				upper := level(above, before) + along*(level(above, after)-level(above, before))
				lower := level(below, before) + along*(level(below, after)-level(below, before))
				row[j] = T(float64(o.Scale[c]) * contrast * (upper + down*(lower-upper) + shift))
			}
		}
	}}
}

// place is first + a*i + b*j of a draw's three numbers, as every device computes it.
func place[T real](draw []T, i, j int) float32 {
	first, a, b := float64(float32(draw[0])), float64(float32(draw[1])), float64(float32(draw[2]))
	return float32(a*float64(i) + float64(float32(b*float64(j)+first)))
}

// between gives the two pixels of n that a place lies between, and how far from the first.
func between(at float32, n int) (first, second int, share float64, inside bool) {
	if !(at >= -0.5 && float64(at) < float64(n)-0.5) {
		return 0, 0, 0, false
	}
	x := min(max(float64(at), 0), float64(n-1))
	first = int(math.Floor(x))
	return first, min(first+1, n-1), x - math.Floor(x), true
}
