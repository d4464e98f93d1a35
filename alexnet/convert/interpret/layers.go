package interpret

import (
	"fmt"
	"math"
	"runtime"
	"sync"

	"duet/alexnet/convert/onnx"
)

// each calls f of 0 to n-1, some at a time.
func each(n int, f func(i int)) {
	var wait sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), n)
	for first := range workers {
		wait.Go(func() {
			for i := first; i < n; i += workers {
				f(i)
			}
		})
	}
	wait.Wait()
}

// elementwise applies f to two tensors. The second one may lack the first axis, and has 1 in the place of an extent
// where it is the same along an axis; or it is one number.
func elementwise(f func(a, b float32) float32) func(n *onnx.Node, in []*Tensor) (*Tensor, error) {
	return func(_ *onnx.Node, in []*Tensor) (*Tensor, error) {
		a, b := in[0], in[1]
		skipped := len(a.Shape) - len(b.Shape)
		if skipped < 0 {
			return nil, fmt.Errorf("%v with %v", a.Shape, b.Shape)
		}
		for i, d := range b.Shape {
			if d != 1 && d != a.Shape[skipped+i] {
				return nil, fmt.Errorf("%v with %v", a.Shape, b.Shape)
			}
		}
		place := make([]int, len(b.Shape))
		other := mapped(b, a.Shape, func(at []int) int {
			for i, d := range b.Shape {
				place[i] = min(at[skipped+i], d-1)
			}
			return index(b.Shape, place)
		})
		y := newTensor(a.Shape...)
		for i := range y.Data {
			y.Data[i] = f(a.Data[i], other.Data[i])
		}
		return y, nil
	}
}

func relu(_ *onnx.Node, in []*Tensor) (*Tensor, error) {
	y := newTensor(in[0].Shape...)
	for i, x := range in[0].Data {
		y.Data[i] = max(x, 0)
	}
	return y, nil
}

func tanh(_ *onnx.Node, in []*Tensor) (*Tensor, error) {
	y := newTensor(in[0].Shape...)
	for i, x := range in[0].Data {
		y.Data[i] = float32(math.Tanh(float64(x)))
	}
	return y, nil
}

// window is the common part of convolutions and poolings.
type window struct {
	kernel, stride, before, after [2]int
}

func windowOf(n *onnx.Node) (w window, err error) {
	kernel, strides, pads := attribute[[]int64](n, "kernel_shape"), attribute[[]int64](n, "strides"),
		attribute[[]int64](n, "pads")
	if len(kernel) != 2 || len(strides) != 2 || len(pads) != 4 || n.Attribute("ceil_mode") != nil ||
		n.Attribute("dilations") != nil || n.Attribute("auto_pad") != nil {
		return w, fmt.Errorf("attributes %v", n.Attributes)
	}
	for i := range 2 {
		w.kernel[i], w.stride[i] = int(kernel[i]), int(strides[i])
		w.before[i], w.after[i] = int(pads[i]), int(pads[2+i])
	}
	return w, nil
}

// outputs is how many windows there are along an axis of extent n.
func (w *window) outputs(axis, n int) int {
	return (n+w.before[axis]+w.after[axis]-w.kernel[axis])/w.stride[axis] + 1
}

// inside is which of a window's places lie in an input of extent n, for output i.
func (w *window) inside(axis, i, n int) (first, low, high int) {
	first = i*w.stride[axis] - w.before[axis]
	return first, max(0, -first), min(w.kernel[axis], n-first)
}

func conv(node *onnx.Node, in []*Tensor) (*Tensor, error) {
	x, weight, bias := in[0], in[1], in[2]
	w, err := windowOf(node)
	if err != nil {
		return nil, err
	}
	n, c, height, width, err := dims(x)
	if err != nil {
		return nil, err
	}
	outputs, per, kh, kw, err := dims(weight)
	if err != nil {
		return nil, err
	}
	groups := int(attribute[int64](node, "group"))
	if groups < 1 || c != per*groups || outputs%groups != 0 || kh != w.kernel[0] || kw != w.kernel[1] ||
		len(bias.Data) != outputs {
		return nil, fmt.Errorf("%v with weights of %v and %v in %d groups", x.Shape, weight.Shape, bias.Shape, groups)
	}
	y := newTensor(n, outputs, w.outputs(0, height), w.outputs(1, width))
	rows, columns := y.Shape[2], y.Shape[3]
	each(n*outputs, func(at int) {
		image, o := at/outputs, at%outputs
		first := o / (outputs / groups) * per // of the group's maps
		sums := make([]float64, rows*columns)
		for i := range sums {
			sums[i] = float64(bias.Data[o])
		}
		for m := range per {
			plane := x.Data[(image*c+first+m)*height*width:][:height*width]
			filter := weight.Data[(o*per+m)*kh*kw:][:kh*kw]
			for i := range rows {
				top, low, high := w.inside(0, i, height)
				for j := range columns {
					left, from, end := w.inside(1, j, width)
					sum := 0.0
					for u := low; u < high; u++ {
						row := plane[(top+u)*width:][:width]
						for v := from; v < end; v++ {
							sum += float64(row[left+v]) * float64(filter[u*kw+v])
						}
					}
					sums[i*columns+j] += sum
				}
			}
		}
		for i, s := range sums {
			y.Data[at*rows*columns+i] = float32(s)
		}
	})
	return y, nil
}

func maxPool(node *onnx.Node, in []*Tensor) (*Tensor, error) {
	return pool(node, in, math.Inf(-1), math.Max, func(most float64, _, _ int) float64 { return most })
}

// averagePool divides by the places inside, or with count_include_pad by all of a window.
func averagePool(node *onnx.Node, in []*Tensor) (*Tensor, error) {
	add, all := func(a, b float64) float64 { return a + b }, attribute[int64](node, "count_include_pad") != 0
	return pool(node, in, 0, add, func(sum float64, inside, window int) float64 {
		if all {
			inside = window
		}
		return sum / float64(inside)
	})
}

// pool folds every window's places into one number, and finishes it, given how many places are inside and how many
// there are.
func pool(node *onnx.Node, in []*Tensor, start float64, fold func(a, b float64) float64,
	finish func(v float64, inside, window int) float64) (*Tensor, error) {
	x := in[0]
	w, err := windowOf(node)
	if err != nil {
		return nil, err
	}
	n, c, height, width, err := dims(x)
	if err != nil {
		return nil, err
	}
	y := newTensor(n, c, w.outputs(0, height), w.outputs(1, width))
	at := 0
	for plane := range n * c {
		for i := range y.Shape[2] {
			top, low, high := w.inside(0, i, height)
			for j := range y.Shape[3] {
				left, from, end := w.inside(1, j, width)
				all := start
				for u := low; u < high; u++ {
					for v := from; v < end; v++ {
						all = fold(all, float64(x.Data[(plane*height+top+u)*width+left+v]))
					}
				}
				y.Data[at] = float32(finish(all, (high-low)*(end-from), w.kernel[0]*w.kernel[1]))
				at++
			}
		}
	}
	return y, nil
}

// lrn is y[c] = x[c] / (bias + alpha/size * sum of x[j]^2)^beta, j from c-floor((size-1)/2) to c+ceil((size-1)/2).
func lrn(node *onnx.Node, in []*Tensor) (*Tensor, error) {
	x, size := in[0], int(attribute[int64](node, "size"))
	n, c, height, width, err := dims(x)
	if err != nil {
		return nil, err
	}
	if size < 1 {
		return nil, fmt.Errorf("size %d", size)
	}
	alpha, beta := float64(attribute[float32](node, "alpha")), float64(attribute[float32](node, "beta"))
	bias, area := float64(attribute[float32](node, "bias")), height*width
	y := newTensor(x.Shape...)
	each(n*c, func(plane int) {
		image, m := plane/c, plane%c
		for i := range area {
			sum := 0.0
			for j := max(0, m-(size-1)/2); j <= min(c-1, m+size/2); j++ {
				v := float64(x.Data[(image*c+j)*area+i])
				sum += v * v
			}
			at := plane*area + i
			y.Data[at] = float32(float64(x.Data[at]) * math.Pow(bias+alpha/float64(size)*sum, -beta))
		}
	})
	return y, nil
}

func gemm(node *onnx.Node, in []*Tensor) (*Tensor, error) {
	x, weight, bias := in[0], in[1], in[2]
	if len(x.Shape) != 2 || len(weight.Shape) != 2 || attribute[int64](node, "transB") != 1 ||
		x.Shape[1] != weight.Shape[1] || len(bias.Data) != weight.Shape[0] || len(node.Attributes) != 1 {
		return nil, fmt.Errorf("%v with %v and %v", x.Shape, weight.Shape, bias.Shape)
	}
	n, inputs, outputs := x.Shape[0], x.Shape[1], weight.Shape[0]
	y := newTensor(n, outputs)
	each(outputs, func(o int) {
		row := weight.Data[o*inputs:][:inputs]
		for i := range n {
			sum := float64(bias.Data[o])
			for j, v := range x.Data[i*inputs:][:inputs] {
				sum += float64(v) * float64(row[j])
			}
			y.Data[i*outputs+o] = float32(sum)
		}
	})
	return y, nil
}

func softmax(node *onnx.Node, in []*Tensor) (*Tensor, error) {
	x := in[0]
	if len(x.Shape) != 2 || attribute[int64](node, "axis") != 1 {
		return nil, fmt.Errorf("%v on axis %v", x.Shape, node.Attribute("axis"))
	}
	y, classes := newTensor(x.Shape...), x.Shape[1]
	for i := range x.Shape[0] {
		scores, most, sum := x.Data[i*classes:][:classes], math.Inf(-1), 0.0
		for _, s := range scores {
			most = max(most, float64(s))
		}
		for _, s := range scores {
			sum += math.Exp(float64(s) - most)
		}
		for k, s := range scores {
			y.Data[i*classes+k] = float32(math.Exp(float64(s)-most) / sum)
		}
	}
	return y, nil
}
