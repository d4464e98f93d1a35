package reference

import (
	"duet/engine/op"
	"duet/internal/rng"
)

func dropout[T real](o op.Dropout, out, in []tensor[T]) parts {
	batch, f := in[0].shape[0], in[0].shape[1]
	x, counters, y := in[0].float, in[1].words, out[0].float
	threshold, factor := o.Threshold(), float64(o.Factor())
	return parts{n: batch, run: func(n int, _ []float64) {
		stream := rng.New(uint64(counters[0])|uint64(counters[1])<<32, rng.Dropout, o.Stream, counters[2])
		word := uint64(n)*uint64(o.Width) + uint64(o.First)
		block := stream.Block(word / 4)
		for i := range f {
			if word%4 == 0 {
				block = stream.Block(word / 4)
			}
			if at := n*f + i; block[word%4] < threshold {
				y[at] = 0
			} else {
				y[at] = T(float64(x[at]) * factor)
			}
			word++
		}
	}}
}

func scale[T real](o op.Scale, out, in []tensor[T]) parts {
	x, y := in[0].float, out[0].float
	return each(length(in[0]), func(first, end int) {
		for i := first; i < end; i++ {
			y[i] = T(float64(x[i]) * float64(o.Factor))
		}
	})
}
