package reference

import "duet/engine/op"

// same is flatten and unflatten: in a row-major layout the elements stay where they are.
func same[O op.Op, T real](_ O, out, in []tensor[T]) parts {
	x, y := in[0].float, out[0].float
	return each(length(in[0]), func(first, end int) { copy(y[first:end], x[first:end]) })
}
