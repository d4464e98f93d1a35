package reference

import "duet/engine/op"

func avgPool[T real](o op.AvgPool, out, in []tensor[T]) parts {
	h, w, oh, ow := in[0].shape[2], in[0].shape[3], out[0].shape[2], out[0].shape[3]
	x, y := in[0].float, out[0].float
	return parts{n: in[0].shape[0] * in[0].shape[1], run: func(part int, _ []float64) {
		for i := range oh {
			for j := range ow {
				sum := 0.0
				inside(o, i, j, h, w, func(at int) { sum += float64(x[part*h*w+at]) })
				y[(part*oh+i)*ow+j] = T(sum / float64(o.Cells(i, h)*o.Cells(j, w)))
			}
		}
	}}
}

func avgPoolGrad[T real](o op.AvgPoolGrad, out, in []tensor[T]) parts {
	oh, ow := in[0].shape[2], in[0].shape[3]
	dy, dx := in[0].float, out[0].float
	return parts{n: in[0].shape[0] * in[0].shape[1], scratch: o.H * o.W, run: func(part int, sums []float64) {
		clear(sums)
		for i := range oh {
			for j := range ow {
				share := float64(dy[(part*oh+i)*ow+j]) / float64(o.Pool.Cells(i, o.H)*o.Pool.Cells(j, o.W))
				inside(o.Pool, i, j, o.H, o.W, func(at int) { sums[at] += share })
			}
		}
		for i, v := range sums {
			dx[part*o.H*o.W+i] = T(v)
		}
	}}
}

// inside visits the places of window i, j that are in a plane of h x w.
func inside(o op.AvgPool, i, j, h, w int, visit func(at int)) {
	top, left := i*o.Stride-o.Pad, j*o.Stride-o.Pad
	for row := max(0, top); row < min(h, top+o.Kernel); row++ {
		for column := max(0, left); column < min(w, left+o.Kernel); column++ {
			visit(row*w + column)
		}
	}
}
