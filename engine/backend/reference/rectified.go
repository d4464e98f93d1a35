package reference

import "duet/engine/op"

// rectified is the two operations in turn, in one part. Plans for this backend do not fuse.
func rectified[T real](o op.Rectified, out, in []tensor[T]) parts {
	last := len(in) - 1
	grad, _ := table[T]()[o.Grad.Name()].bind(o.Grad, out, in[:last])
	mask := reluGrad(op.ReLUGrad{}, out, []tensor[T]{in[last], out[0]})
	return parts{n: 1, run: func(int, []float64) {
		grad.all()
		mask.all()
	}}
}
