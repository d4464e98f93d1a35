package reference

import "duet/engine/op"

func maxPool[T real](o op.MaxPool, out, in []tensor[T]) parts {
	var argmax []uint8
	if len(out) == 2 {
		argmax = out[1].bytes
	}
	return maxPoolParts(o, in[0], out[0].shape, out[0].float, argmax)
}

func maxPoolArgmax[T real](o op.MaxPoolArgmax, out, in []tensor[T]) parts {
	return maxPoolParts(o.Pool, in[0], out[0].shape, nil, out[0].bytes)
}

// maxPoolParts writes y and argmax, either of which may be nil: one part is one map of one image.
func maxPoolParts[T real](o op.MaxPool, in tensor[T], shape []int, y []T, argmax []uint8) parts {
	h, w, oh, ow := in.shape[2], in.shape[3], shape[2], shape[3]
	x := in.float
	return parts{n: in.shape[0] * in.shape[1], run: func(part int, _ []float64) {
		plane := x[part*h*w:][:h*w]
		for i := range oh {
			for j := range ow {
				best, at := window(o, plane, h, w, i*o.Stride-o.Pad, j*o.Stride-o.Pad)
				to := (part*oh+i)*ow + j
				if y != nil {
					y[to] = best
				}
				if argmax != nil {
					argmax[to] = uint8(at)
				}
			}
		}
	}}
}

// window finds the first maximum of one window, or the first NaN.
func window[T real](o op.MaxPool, plane []T, h, w, top, left int) (best T, at int) {
	at = -1
	from, to := max(0, -left), min(o.Kernel, w-left)
	for u := max(0, -top); u < min(o.Kernel, h-top); u++ {
		row := plane[(top+u)*w:][:w]
		for v := from; v < to; v++ {
			value := row[left+v]
			if at < 0 || value > best || value != value && best == best {
				best, at = value, u*o.Kernel+v
			}
		}
	}
	return best, at
}

func maxPoolGrad[T real](o op.MaxPoolGrad, out, in []tensor[T]) parts {
	shape := in[1].shape
	oh, ow := shape[2], shape[3]
	argmax, dy, dx := in[0].bytes, in[1].float, out[0].float
	return parts{n: shape[0] * shape[1], scratch: o.H * o.W, run: func(part int, sums []float64) {
		clear(sums)
		for i := range oh {
			for j := range ow {
				from := (part*oh+i)*ow + j
				at := int(argmax[from])
				h := i*o.Pool.Stride - o.Pool.Pad + at/o.Pool.Kernel
				w := j*o.Pool.Stride - o.Pool.Pad + at%o.Pool.Kernel
				if h >= 0 && h < o.H && w >= 0 && w < o.W { // an argmax of max_pool_argmax always is
					sums[h*o.W+w] += float64(dy[from])
				}
			}
		}
		for i, v := range sums {
			dx[part*o.H*o.W+i] = T(v)
		}
	}}
}
