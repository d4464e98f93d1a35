package reference

import "duet/engine/op"

// The fused operations are the plain ones in turn, image by image, with what lies between in float64. Plans for this
// backend do not fuse, so that a run's allocations cost nobody anything.

func lrnMaxPool[T real](o op.LRNMaxPool, out, in []tensor[T]) parts {
	var argmax []uint8
	if len(out) == 2 {
		argmax = out[1].bytes
	}
	return lrnMaxPoolParts(o, in[0], out[0].shape, out[0].float, argmax)
}

func lrnMaxPoolArgmax[T real](o op.LRNMaxPoolArgmax, out, in []tensor[T]) parts {
	return lrnMaxPoolParts(o.LRNMaxPool, in[0], out[0].shape, nil, out[0].bytes)
}

// lrnMaxPoolParts writes y and argmax, either of which may be nil.
func lrnMaxPoolParts[T real](o op.LRNMaxPool, in tensor[T], shape []int, y []T, argmax []uint8) parts {
	return parts{n: in.shape[0], run: func(part int, _ []float64) {
		x, pooled := image(in, part), blank(shape)
		normal := blank(in.shape)
		lrnParts(o.LRN, x, normal.float, nil).all()
		n := len(pooled.float)
		var places []uint8
		if argmax != nil {
			places = argmax[part*n:][:n]
		}
		maxPoolParts(o.Pool, normal, pooled.shape, pooled.float, places).all()
		if y != nil {
			keep(y[part*n:], pooled.float)
		}
	}}
}

func lrnMaxPoolGrad[T real](o op.LRNMaxPoolGrad, out, in []tensor[T]) parts {
	norm, pool := o.LRNMaxPool.LRN, o.LRNMaxPool.Pool
	shape := in[0].shape
	return parts{n: shape[0], run: func(part int, _ []float64) {
		x, dy := image(in[0], part), image(in[2], part)
		argmax := tensor[float64]{shape: dy.shape, bytes: in[1].bytes[part*len(dy.float):][:len(dy.float)]}
		between, s, dx := blank(shape), blank(shape), blank(shape)
		maxPoolGrad(op.MaxPoolGrad{Pool: pool, H: shape[2], W: shape[3]}, []tensor[float64]{between},
			[]tensor[float64]{argmax, dy}).all()
		lrnParts(norm, x, nil, s.float).all()
		lrnGrad(op.LRNGrad{LRN: norm}, []tensor[float64]{dx}, []tensor[float64]{x, s, between}).all()
		if o.ReLU {
			reluGrad(op.ReLUGrad{}, []tensor[float64]{dx}, []tensor[float64]{x, dx}).all()
		}
		keep(out[0].float[part*len(dx.float):], dx.float)
	}}
}

// image is one image of a batch, in float64.
func image[T real](batch tensor[T], number int) tensor[float64] {
	one := blank(batch.shape)
	for i := range one.float {
		one.float[i] = float64(batch.float[number*len(one.float)+i])
	}
	return one
}

// blank is a tensor of one image of a batch of some shape.
func blank(shape []int) tensor[float64] {
	one := append([]int{1}, shape[1:]...)
	return tensor[float64]{shape: one, float: make([]float64, op.Type{Shape: one}.Len())}
}

func keep[T real](to []T, from []float64) {
	for i, v := range from {
		to[i] = T(v)
	}
}

// all runs all parts in turn.
func (p parts) all() {
	scratch := make([]float64, p.scratch)
	for i := range p.n {
		p.run(i, scratch)
	}
}
