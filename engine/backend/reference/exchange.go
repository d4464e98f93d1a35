package reference

import "duet/engine/op"

// send copies any elements: between devices a plan copies instead, and on one it is the identity.
func send[T real](_ op.Send, out, in []tensor[T]) parts {
	x, y := in[0], out[0]
	return parts{n: 1, run: func(int, []float64) {
		copy(y.float, x.float)
		copy(y.bytes, x.bytes)
		copy(y.ints, x.ints)
		copy(y.words, x.words)
	}}
}

func concat[T real](_ op.Concat, out, in []tensor[T]) parts {
	batch := in[0].shape[0]
	a, b, y := in[0].float, in[1].float, out[0].float
	la, lb := length(in[0])/batch, length(in[1])/batch
	return parts{n: batch, run: func(n int, _ []float64) {
		row := y[n*(la+lb):][:la+lb]
		copy(row, a[n*la:][:la])
		copy(row[la:], b[n*lb:][:lb])
	}}
}

func slice[T real](o op.Slice, out, in []tensor[T]) parts {
	batch := in[0].shape[0]
	x, y := in[0].float, out[0].float
	lx, ly := length(in[0])/batch, length(out[0])/batch
	first := lx / in[0].shape[1] * o.First
	return parts{n: batch, run: func(n int, _ []float64) {
		copy(y[n*ly:][:ly], x[n*lx+first:][:ly])
	}}
}

func add[T real](_ op.Add, out, in []tensor[T]) parts {
	a, b, y := in[0].float, in[1].float, out[0].float
	return each(length(in[0]), func(first, end int) {
		for i := first; i < end; i++ {
			y[i] = a[i] + b[i]
		}
	})
}
