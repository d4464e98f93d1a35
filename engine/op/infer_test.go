package op_test

import (
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"duet/engine/op"
)

func f(shape ...int) op.Type { return op.Floats(shape...) }

func bytes(shape ...int) op.Type { return op.Type{DType: op.Uint8, Shape: shape} }

func ints(shape ...int) op.Type { return op.Type{DType: op.Int32, Shape: shape} }

func words(shape ...int) op.Type { return op.Type{DType: op.Uint32, Shape: shape} }

// sound are operations on inputs that they take, and their outputs.
type sound struct {
	o    op.Op
	in   []op.Type
	want op.Type
}

// everySound has every operation; one that takes tensors of any rank stands there with two.
func everySound() []sound {
	conv := op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1}
	pool, mean := op.MaxPool{Kernel: 3, Stride: 2}, op.AvgPool{Kernel: 3, Stride: 2}
	lrn := op.LRN{N: 5, K: 2, Alpha: 1e-4, Beta: 0.75, Groups: 2}
	both := op.LRNMaxPool{LRN: lrn, Pool: pool}
	return []sound{
		{op.Conv2D{Kernel: 11, Stride: 4, Groups: 1}, []op.Type{f(2, 3, 227, 227), f(96, 3, 11, 11), f(96)},
			f(2, 96, 55, 55)},
		{op.Conv2D{Kernel: 5, Stride: 1, Pad: 2, Groups: 2}, []op.Type{f(2, 96, 27, 27), f(256, 48, 5, 5), f(256)},
			f(2, 256, 27, 27)},
		{conv, []op.Type{f(1, 1, 1, 1), f(1, 1, 3, 3), f(1)}, f(1, 1, 1, 1)},
		{op.Conv2DGradInput{Conv: conv, H: 5, W: 7}, []op.Type{f(4, 3, 3, 3), f(2, 4, 5, 7)}, f(2, 3, 5, 7)},
		{op.Conv2DGradWeight{Conv: conv}, []op.Type{f(2, 3, 5, 7), f(2, 4, 5, 7)}, f(4, 3, 3, 3)},
		{op.Conv2DGradBias{Conv: conv}, []op.Type{f(2, 3, 5, 7), f(2, 4, 5, 7)}, f(4)},
		{op.Linear{}, []op.Type{f(2, 3), f(4, 3), f(4)}, f(2, 4)},
		{op.LinearGradInput{}, []op.Type{f(4, 3), f(2, 4)}, f(2, 3)},
		{op.LinearGradWeight{}, []op.Type{f(2, 3), f(2, 4)}, f(4, 3)},
		{op.LinearGradBias{}, []op.Type{f(2, 3), f(2, 4)}, f(4)},
		{lrn, []op.Type{f(2, 6, 5, 7)}, f(2, 6, 5, 7)},
		{op.LRNScale{LRN: lrn}, []op.Type{f(2, 6, 5, 7)}, f(2, 6, 5, 7)},
		{op.LRNGrad{LRN: lrn}, []op.Type{f(2, 6, 5, 7), f(2, 6, 5, 7), f(2, 6, 5, 7)}, f(2, 6, 5, 7)},
		{pool, []op.Type{f(2, 96, 55, 55)}, f(2, 96, 27, 27)},
		{pool, []op.Type{f(1, 1, 32, 32)}, f(1, 1, 15, 15)},
		{op.MaxPool{Kernel: 3, Stride: 2, Ceil: true}, []op.Type{f(1, 1, 32, 32)}, f(1, 1, 16, 16)},
		// a third window would start outside
		{op.MaxPool{Kernel: 2, Stride: 3, Pad: 1, Ceil: true}, []op.Type{f(1, 1, 4, 5)}, f(1, 1, 2, 2)},
		{op.MaxPoolArgmax{Pool: pool}, []op.Type{f(2, 4, 5, 7)}, bytes(2, 4, 2, 3)},
		{op.MaxPoolGrad{Pool: pool, H: 5, W: 7}, []op.Type{bytes(2, 4, 2, 3), f(2, 4, 2, 3)}, f(2, 4, 5, 7)},
		{mean, []op.Type{f(2, 96, 55, 55)}, f(2, 96, 27, 27)},
		{op.AvgPool{Kernel: 13, Stride: 1}, []op.Type{f(2, 256, 13, 13)}, f(2, 256, 1, 1)},
		{op.AvgPool{Kernel: 3, Stride: 2, Ceil: true, CountPad: true}, []op.Type{f(1, 1, 32, 32)}, f(1, 1, 16, 16)},
		{op.AvgPoolGrad{Pool: mean, H: 5, W: 7}, []op.Type{f(2, 4, 2, 3)}, f(2, 4, 5, 7)},
		{both, []op.Type{f(2, 6, 5, 7)}, f(2, 6, 2, 3)},
		{op.LRNMaxPoolArgmax{LRNMaxPool: both}, []op.Type{f(2, 6, 5, 7)}, bytes(2, 6, 2, 3)},
		{op.LRNMaxPoolGrad{LRNMaxPool: both}, []op.Type{f(2, 6, 5, 7), bytes(2, 6, 2, 3), f(2, 6, 2, 3)}, f(2, 6, 5, 7)},
		{op.ReLU{}, []op.Type{f(2, 3, 4)}, f(2, 3, 4)},
		{op.ReLU{}, []op.Type{f(5)}, f(5)},
		{op.ReLUGrad{}, []op.Type{f(5), f(5)}, f(5)},
		{op.Rectified{Grad: op.LinearGradInput{}}, []op.Type{f(4, 3), f(2, 4), f(2, 3)}, f(2, 3)},
		{op.Rectified{Grad: op.MaxPoolGrad{Pool: pool, H: 5, W: 7}}, []op.Type{bytes(2, 4, 2, 3), f(2, 4, 2, 3),
			f(2, 4, 5, 7)}, f(2, 4, 5, 7)},
		{op.Tanh{}, []op.Type{f(2, 3, 4)}, f(2, 3, 4)},
		{op.Tanh{}, []op.Type{f(5)}, f(5)},
		{op.TanhGrad{}, []op.Type{f(5), f(5)}, f(5)},
		{op.TanhGrad{}, []op.Type{f(2, 5), f(2, 5)}, f(2, 5)},
		{op.Scale{Factor: 2}, []op.Type{f()}, f()},
		{op.Scale{Factor: 2}, []op.Type{f(3, 1)}, f(3, 1)},
		{op.Dropout{Rate: 0.5, Width: 10, First: 5}, []op.Type{f(2, 5), words(4)}, f(2, 5)},
		{op.Flatten{}, []op.Type{f(2, 3, 4, 5)}, f(2, 60)},
		{op.Unflatten{C: 3, H: 4, W: 5}, []op.Type{f(2, 60)}, f(2, 3, 4, 5)},
		{op.Send{From: 1}, []op.Type{ints(3)}, ints(3)},
		{op.Send{From: 1}, []op.Type{f(2, 3)}, f(2, 3)},
		{op.Concat{}, []op.Type{f(2, 3, 4, 5), f(2, 1, 4, 5)}, f(2, 4, 4, 5)},
		{op.Slice{First: 1, End: 3}, []op.Type{f(2, 3)}, f(2, 2)},
		{op.Slice{First: 0, End: 1}, []op.Type{f(2, 3, 4, 5)}, f(2, 1, 4, 5)},
		{op.Add{}, []op.Type{f(2), f(2)}, f(2)},
		{op.Softmax{}, []op.Type{f(2, 3)}, f(2, 3)},
		{op.SoftmaxLoss{}, []op.Type{f(2, 3), ints(2)}, f()},
		{op.SoftmaxLossGrad{}, []op.Type{f(2, 3), ints(2), f()}, f(2, 3)},
		{op.SoftmaxLoss{Smoothing: 0.1, Weighted: true}, []op.Type{f(2, 3), ints(2), f(3)}, f()},
		{op.SoftmaxLossGrad{op.SoftmaxLoss{Weighted: true}}, []op.Type{f(2, 3), ints(2), f(), f(3)}, f(2, 3)},
		{op.TopErrors{}, []op.Type{f(2, 3), ints(2)}, f(2)},
		{op.SGD{}, []op.Type{f(2, 3), f(2, 3), f(2, 3), f(1)}, f(2, 3)},
		{op.EMA{Decay: 0.5}, []op.Type{f(2, 3), f(2, 3)}, f(2, 3)},
		{op.GradientPeak{}, []op.Type{f(2, 3), f(2, 3), f(2, 3), f(1)}, f(1)},
		{op.Augment{Crop: 227}, []op.Type{bytes(2, 256, 256, 3), f(2, 6), f(3, 256, 256)}, f(2, 3, 227, 227)},
		{op.Warp{Crop: 227}, []op.Type{bytes(2, 256, 256, 3), f(2, 11), f(3, 256, 256)}, f(2, 3, 227, 227)},
		{op.Augment{Crop: 9}, []op.Type{bytes(2, 5, 7, 3), f(2, 6), f(3, 1, 1)}, f(2, 3, 9, 9)},
	}
}

func TestShapes(t *testing.T) {
	for _, c := range everySound() {
		got, err := c.o.Infer(c.in)
		if err != nil || !got.Equal(c.want) {
			t.Errorf("%s %+v of %v: %v, %v, want %v", c.o.Name(), c.o, c.in, got, err, c.want)
		}
	}
}

// TestEveryInputIsChecked: one input less or more, and any input of another type, of another rank or without elements,
// is refused, by every operation.
func TestEveryInputIsChecked(t *testing.T) {
	ranks := map[string]map[int]bool{}
	for _, c := range everySound() {
		if ranks[c.o.Name()] == nil {
			ranks[c.o.Name()] = map[int]bool{}
		}
		ranks[c.o.Name()][len(c.in[0].Shape)] = true
	}
	for _, c := range everySound() {
		refused := func(what string, in []op.Type) {
			t.Helper()
			if got, err := c.o.Infer(in); err == nil {
				t.Errorf("%s %+v of %v, %s: gives %v, want an error", c.o.Name(), c.o, in, what, got)
			}
		}
		refused("none", nil)
		refused("one less", c.in[:len(c.in)-1])
		refused("one more", append(slices.Clone(c.in), c.in[0]))
		for i, typ := range c.in {
			with := func(other op.Type) []op.Type {
				in := slices.Clone(c.in)
				in[i] = other
				return in
			}
			if c.o.Name() != "send" {
				for _, d := range []op.DType{op.Float, op.Uint8, op.Int32, op.Uint32} {
					if d != typ.DType {
						refused("another type", with(op.Type{DType: d, Shape: typ.Shape}))
					}
				}
				for axis := range typ.Shape {
					shape := slices.Clone(typ.Shape)
					shape[axis] = 0
					refused("no elements", with(op.Type{DType: typ.DType, Shape: shape}))
				}
			}
			if len(ranks[c.o.Name()]) == 1 {
				refused("another rank", with(op.Type{DType: typ.DType, Shape: append(slices.Clone(typ.Shape), 1)}))
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	conv := op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1}
	pool, mean := op.MaxPool{Kernel: 3, Stride: 2}, op.AvgPool{Kernel: 3, Stride: 2}
	lrn := op.LRN{N: 5, K: 2, Alpha: 1e-4, Beta: 0.75, Groups: 1}
	both := op.LRNMaxPool{LRN: lrn, Pool: pool}
	for _, c := range []struct {
		o    op.Op
		in   []op.Type
		want string
	}{
		{conv, []op.Type{f(1, 2, 3, 3)}, "takes 3 inputs, got 1"},
		{conv, []op.Type{f(1, 2, 3), f(4, 2, 3, 3), f(4)}, "input 0 is float [1 2 3], want float of rank 4"},
		{conv, []op.Type{ints(1, 2, 3, 3), f(4, 2, 3, 3), f(4)}, "input 0 is int32 [1 2 3 3], want float of rank 4"},
		{conv, []op.Type{f(0, 2, 3, 3), f(4, 2, 3, 3), f(4)}, "every extent must be at least 1"},
		{conv, []op.Type{f(1, 2, 3, 3), f(4, 3, 3, 3), f(4)}, "weight is [4 3 3 3], want [4 2 3 3]"},
		{conv, []op.Type{f(1, 2, 3, 3), f(4, 2, 3, 3), f(5)}, "bias has 5 elements, want 4"},
		{op.Conv2D{Kernel: 3, Stride: 1, Groups: 3}, []op.Type{f(1, 4, 3, 3), f(6, 1, 3, 3), f(6)},
			"3 groups do not divide 4 input and 6 output maps"},
		{op.Conv2D{Kernel: 5, Stride: 1, Groups: 1}, []op.Type{f(1, 1, 3, 9), f(1, 1, 5, 5), f(1)},
			"kernel 5 is larger than the input 3 with pad 0"},
		{op.Conv2D{Kernel: 3, Stride: 0, Groups: 1}, []op.Type{f(1, 1, 3, 3), f(1, 1, 3, 3), f(1)}, "stride 0"},
		{op.Conv2D{Kernel: 3, Stride: 1, Pad: 3, Groups: 1}, []op.Type{f(1, 1, 3, 3), f(1, 1, 3, 3), f(1)},
			"pad 3 must be smaller than the kernel 3"},
		{op.Conv2DGradInput{Conv: conv, H: 5, W: 5}, []op.Type{f(4, 3, 3, 3), f(2, 4, 5, 4)},
			"dz is float [2 4 5 4], want float [2 4 5 5]"},
		{op.Conv2DGradWeight{Conv: op.Conv2D{Kernel: 3, Stride: 1}}, []op.Type{f(2, 3, 5, 7), f(2, 4, 5, 7)}, "0 groups"},
		{op.Linear{}, []op.Type{f(2, 3), f(4, 5), f(4)}, "weight is [4 5] and bias [4] for an input of [2 3]"},
		{op.LinearGradInput{}, []op.Type{f(4, 3), f(2, 5)}, "weight is [4 3] for a gradient of [2 5]"},
		{op.LinearGradWeight{}, []op.Type{f(2, 3), f(3, 5)}, "input is [2 3] for a gradient of [3 5]"},
		{op.LRN{N: 4, K: 1, Groups: 1}, []op.Type{f(1, 4, 1, 1)}, "window 4, want an odd number of maps"},
		{op.LRN{N: 5, K: 1, Groups: 3}, []op.Type{f(1, 4, 1, 1)}, "3 groups do not divide 4 maps"},
		{op.LRN{N: 5, K: 0, Groups: 1}, []op.Type{f(1, 4, 1, 1)}, "want k above 0"},
		{op.LRNGrad{LRN: lrn}, []op.Type{f(1, 4, 1, 1), f(1, 4, 1, 1), f(1, 4, 1, 2)},
			"dy is float [1 4 1 2], want float [1 4 1 1]"},
		{pool, []op.Type{f(1, 1, 2, 5)}, "kernel 3 is larger than the input 2 with pad 0"},
		{op.MaxPoolArgmax{Pool: op.MaxPool{Kernel: 17, Stride: 1}}, []op.Type{f(1, 1, 20, 20)}, "window 17, want at most 16"},
		{op.MaxPoolGrad{Pool: pool, H: 5, W: 7}, []op.Type{bytes(2, 4, 2, 2), f(2, 4, 2, 3)},
			"argmax is uint8 [2 4 2 2], want uint8 [2 4 2 3]"},
		{mean, []op.Type{f(1, 1, 2, 5)}, "kernel 3 is larger than the input 2 with pad 0"},
		{op.AvgPool{Kernel: 3, Stride: 1, Pad: 3}, []op.Type{f(1, 1, 5, 5)}, "pad 3 must be smaller than the kernel 3"},
		{op.AvgPoolGrad{Pool: mean, H: 5, W: 7}, []op.Type{f(2, 4, 2, 2)}, "dy is float [2 4 2 2], want float [2 4 2 3]"},
		{op.AvgPoolGrad{Pool: mean}, []op.Type{f(2, 4, 2, 2)}, "every extent must be at least 1"},
		{both, []op.Type{f(1, 4, 2, 5)}, "kernel 3 is larger than the input 2 with pad 0"},
		{op.LRNMaxPool{LRN: op.LRN{N: 4, K: 1, Groups: 1}, Pool: pool}, []op.Type{f(1, 4, 5, 5)},
			"window 4, want an odd number of maps"},
		{op.LRNMaxPoolGrad{LRNMaxPool: both}, []op.Type{f(1, 4, 5, 7), bytes(1, 4, 2, 2), f(1, 4, 2, 3)},
			"argmax is uint8 [1 4 2 2], want uint8 [1 4 2 3]"},
		{op.LRNMaxPoolGrad{LRNMaxPool: both}, []op.Type{f(1, 4, 5, 7), bytes(1, 4, 2, 3), f(1, 4, 2, 2)},
			"dy is float [1 4 2 2], want float [1 4 2 3]"},
		{op.ReLUGrad{}, []op.Type{f(5), f(6)}, "dy is float [6], want float [5]"},
		{op.TanhGrad{}, []op.Type{f(5), f(6)}, "dy is float [6], want float [5]"},
		{op.Dropout{Rate: 1, Width: 5}, []op.Type{f(2, 5), words(4)}, "rate 1, want 0 to below 1"},
		{op.Dropout{Rate: 0.5, Width: 5, First: 1}, []op.Type{f(2, 5), words(4)}, "features 1 to 6 of a layer of 5"},
		{op.Dropout{Rate: 0.5, Width: 5}, []op.Type{f(2, 5), words(3)}, "want 4"},
		{op.Unflatten{C: 3, H: 4, W: 5}, []op.Type{f(2, 61)}, "61 features do not make 3 x 4 x 5"},
		{op.Send{}, nil, "takes 1 input, got 0"},
		{op.Concat{}, []op.Type{f(2, 3), f(3, 3)}, "cannot join [2 3] and [3 3] along axis 1"},
		{op.Concat{}, []op.Type{f(3), f(3)}, "cannot join [3] and [3] along axis 1"},
		{op.Slice{First: 2, End: 2}, []op.Type{f(2, 3)}, "channels 2 to 2 of [2 3]"},
		{op.Add{}, []op.Type{f(2), f(3)}, "second term is float [3], want float [2]"},
		{op.SoftmaxLoss{}, []op.Type{f(2, 3), ints(3)}, "3 labels for a batch of 2"},
		{op.SoftmaxLoss{Weighted: true}, []op.Type{f(2, 3), ints(2), f(2)},
			"weights float [2], want one for each of 3 classes"},
		{op.SoftmaxLoss{}, []op.Type{f(2, 3), ints(2), f(3)}, "want z, labels, and weights if Weighted"},
		{op.SoftmaxLoss{Smoothing: 1}, []op.Type{f(2, 3), ints(2)}, "smoothing 1, want 0 to below 1"},
		{op.SoftmaxLossGrad{}, []op.Type{f(2, 3), ints(2), f(1)}, "want z, labels and a scalar"},
		{op.EMA{}, []op.Type{f(2), f(3)}, "parameter is float [3], want float [2]"},
		{op.EMA{Decay: 1}, []op.Type{f(2), f(2)}, "decay 1, want 0 to below 1"},
		{op.EMA{Decay: -0.5}, []op.Type{f(2), f(2)}, "decay -0.5, want"},
		{op.SGD{}, []op.Type{f(2), f(3), f(2), f(1)}, "velocity is float [3], want float [2]"},
		{op.SGD{}, []op.Type{f(2), f(2), f(2), f(2)}, "rate is float [2], want one number"},
		{op.Augment{Crop: 3}, []op.Type{bytes(1, 5, 5, 4), f(1, 6), f(3, 1, 1)}, "images have 4 channels, want 3"},
		{op.Augment{Crop: 3}, []op.Type{bytes(1, 5, 5, 3), f(2, 6), f(3, 1, 1)}, "draws are [2 6], want [1 6]"},
		{op.Augment{Crop: 3}, []op.Type{bytes(1, 5, 5, 3), f(1, 6), f(3, 5, 1)}, "mean is [3 5 1], want [3 5 5] or [3 1 1]"},
		{op.Warp{Crop: 3}, []op.Type{bytes(1, 5, 5, 3), f(1, 6), f(3, 1, 1)}, "draws are [1 6], want [1 11]"},
		{op.Augment{}, []op.Type{bytes(1, 5, 5, 3), f(1, 6), f(3, 1, 1)}, "crop 0, want at least 1"},
	} {
		_, err := c.o.Infer(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v of %v: error %v, want %q", c.o.Name(), c.o, c.in, err, c.want)
		}
	}
}

func TestApplyNamesLayerAndOperation(t *testing.T) {
	g := gorgonia.NewGraph()
	_, err := op.Apply(op.Linear{}, op.Place{Layer: "fc6"}, leaf(g, "x", 2, 3), leaf(g, "w", 4, 5), leaf(g, "b", 4))
	if want := "fc6: linear: weight is [4 5] and bias [4] for an input of [2 3]"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestFLOPs(t *testing.T) {
	// conv2 of one tower: 2 * 128*27*27 outputs * 48*5*5 products.
	in := []op.Type{f(1, 48, 27, 27), f(128, 48, 5, 5), f(128)}
	want := 2 * 128.0 * 27 * 27 * 48 * 25
	o := op.Conv2D{Kernel: 5, Stride: 1, Pad: 2, Groups: 1}
	out, err := o.Infer(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o   op.Op
		in  []op.Type
		out op.Type
	}{
		{o, in, out},
		{op.Conv2DGradInput{Conv: o, H: 27, W: 27}, []op.Type{in[1], out}, in[0]},
		{op.Conv2DGradWeight{Conv: o}, []op.Type{in[0], out}, in[1]},
	} {
		if got := op.FLOPs(c.o, c.in, c.out); got != want {
			t.Errorf("%s: %v operations, want %v", c.o.Name(), got, want)
		}
	}
	if got := op.FLOPs(op.ReLU{}, []op.Type{f(3)}, f(3)); got != 0 {
		t.Errorf("relu: %v operations, want 0, uncounted", got)
	}
}
