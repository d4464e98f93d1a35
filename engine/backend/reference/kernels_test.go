package reference

import (
	"fmt"
	"math"
	"testing"

	"duet/engine/op"
	"duet/internal/rng"
)

// sumTol is for two float64 sums of up to a few thousand products near 1, taken in different orders.
const sumTol = 1e-11

// numbers fills a new array with standard normal numbers of a stream.
func numbers(stream uint32, shape ...int) array {
	s := rng.New(7, rng.Generate, stream, 0)
	data := make([]float64, op.Floats(shape...).Len())
	for i := range data {
		data[i] = s.Normal(uint64(i))
	}
	return array{Type: op.Floats(shape...), Data: data}
}

func zeros(t op.Type) array { return array{Type: t, Data: make([]float64, t.Len())} }

func types(in []array) []op.Type {
	ts := make([]op.Type, len(in))
	for i, a := range in {
		ts[i] = a.Type
	}
	return ts
}

// againstNaive evaluates an operation of real numbers both ways.
func againstNaive(t *testing.T, o op.Op, in ...array) array {
	t.Helper()
	typ, err := o.Infer(types(in))
	if err != nil {
		t.Fatal(err)
	}
	got, want := zeros(typ), zeros(typ)
	if err := Evaluate(o, []array{got}, in); err != nil {
		t.Fatal(err)
	}
	naive(o, want, in)
	for i, w := range f64(want) {
		if g := f64(got)[i]; !(math.Abs(g-w) <= sumTol*(1+math.Abs(w))) {
			t.Fatalf("%+v of %v: element %d is %v, want %v", o, types(in), i, g, w)
		}
	}
	return got
}

func TestConvolutionsAgainstNaive(t *testing.T) {
	for _, c := range []struct{ n, c, h, w, o, k, s, p, groups int }{
		{1, 1, 1, 1, 1, 1, 1, 0, 1},
		{2, 3, 5, 7, 4, 3, 1, 1, 1},
		{3, 4, 7, 5, 6, 3, 2, 1, 2},
		{1, 6, 9, 9, 9, 5, 3, 2, 3},
		{2, 3, 23, 19, 5, 11, 4, 0, 1},
		{1, 17, 6, 6, 7, 2, 2, 0, 1},
		{2, 2, 1, 8, 3, 3, 1, 2, 1},
		{1, 14, 9, 11, 22, 3, 1, 1, 2},
	} {
		for _, relu := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v/%v", c, relu), func(t *testing.T) {
				o := op.Conv2D{Kernel: c.k, Stride: c.s, Pad: c.p, Groups: c.groups, ReLU: relu}
				x, w, b := numbers(1, c.n, c.c, c.h, c.w), numbers(2, c.o, c.c/c.groups, c.k, c.k), numbers(3, c.o)
				y := againstNaive(t, o, x, w, b)
				dz := numbers(4, y.Shape...)
				againstNaive(t, op.Conv2DGradInput{Conv: o, H: c.h, W: c.w}, w, dz)
				againstNaive(t, op.Conv2DGradWeight{Conv: o}, x, dz)
			})
		}
	}
}

func TestLinearAgainstNaive(t *testing.T) {
	for _, c := range []struct{ n, i, o int }{{1, 1, 1}, {2, 3, 5}, {5, 17, 1}, {3, 300, 37}, {7, 129, 70}} {
		x, w, b, dz := numbers(1, c.n, c.i), numbers(2, c.o, c.i), numbers(3, c.o), numbers(4, c.n, c.o)
		againstNaive(t, op.Linear{}, x, w, b)
		againstNaive(t, op.Linear{ReLU: true}, x, w, b)
		againstNaive(t, op.LinearGradInput{}, w, dz)
		againstNaive(t, op.LinearGradWeight{}, x, dz)
	}
}

func TestLRNAgainstNaive(t *testing.T) {
	for _, o := range []op.LRN{
		{N: 5, K: 2, Alpha: 1e-4, Beta: 0.75, AlphaOverN: true, Groups: 1},
		{N: 5, K: 1, Alpha: 0.5, Beta: 0.75, Groups: 2},
		{N: 3, K: 1, Alpha: 0.7, Beta: 0.6, AlphaOverN: true, Groups: 3},
		{N: 1, K: 1, Alpha: 1, Beta: 1, Groups: 1},
		{N: 9, K: 1, Alpha: 1, Beta: 0, Groups: 1},
	} {
		x, dy := numbers(1, 2, 6, 3, 5), numbers(2, 2, 6, 3, 5)
		againstNaive(t, o, x)
		s := againstNaive(t, op.LRNScale{LRN: o}, x)
		againstNaive(t, op.LRNGrad{LRN: o}, x, s, dy)
	}
}

func TestMaxPoolAgainstNaive(t *testing.T) {
	for _, o := range []op.MaxPool{
		{Kernel: 1, Stride: 1}, {Kernel: 3, Stride: 2}, {Kernel: 3, Stride: 2, Ceil: true},
		{Kernel: 2, Stride: 3, Pad: 1, Ceil: true},
		{Kernel: 5, Stride: 1, Pad: 2},
	} {
		for _, shape := range [][]int{{2, 3, 5, 7}, {1, 2, 8, 8}} {
			x := numbers(1, shape...)
			y := againstNaive(t, o, x)
			argmax := array{Type: op.Type{DType: op.Uint8, Shape: y.Shape}, Data: make([]uint8, y.Len())}
			if err := Evaluate(op.MaxPoolArgmax{Pool: o}, []array{argmax}, []array{x}); err != nil {
				t.Fatal(err)
			}
			every(y.Shape, func(i int, p []int) {
				place := int(argmax.Data.([]uint8)[i])
				h, w := p[2]*o.Stride-o.Pad+place/o.Kernel, p[3]*o.Stride-o.Pad+place%o.Kernel
				if got := at(x, p[0], p[1], h, w); got != f64(y)[i] {
					t.Errorf("%+v: argmax %d of window %v points to %v, the maximum is %v", o, place, p, got, f64(y)[i])
				}
			})
		}
	}
}

func TestAvgPoolAgainstNaive(t *testing.T) {
	for _, o := range []op.AvgPool{
		{Kernel: 1, Stride: 1}, {Kernel: 3, Stride: 2}, {Kernel: 3, Stride: 2, Ceil: true}, {Kernel: 5, Stride: 1, Pad: 2},
		{Kernel: 2, Stride: 3, Pad: 1, Ceil: true}, {Kernel: 4, Stride: 3, Pad: 2, Ceil: true},
		{Kernel: 4, Stride: 3, Pad: 3, Ceil: true},
	} {
		for _, shape := range [][]int{{2, 3, 5, 7}, {1, 2, 8, 8}} {
			for _, o.CountPad = range []bool{false, true} {
				againstNaive(t, o, numbers(1, shape...))
			}
		}
	}
}

func TestAugmentAgainstNaive(t *testing.T) {
	const n, h, w = 5, 6, 9
	image := make([]uint8, n*h*w*3)
	for i := range image {
		image[i] = uint8(i * 37)
	}
	images := array{Type: op.Type{DType: op.Uint8, Shape: []int{n, h, w, 3}}, Data: image}
	draws := numbers(1, n, op.Draws)
	for i := range n {
		copy(f64(draws)[i*op.Draws:], []float64{float64(i - 2), float64(3 - i), float64(i % 2)})
	}
	for _, mean := range []array{numbers(2, 3, 1, 1), numbers(2, 3, h, w)} {
		for _, crop := range []int{1, 4, 6, 11} {
			againstNaive(t, op.Augment{Crop: crop, Scale: [3]float32{0.25, 0.5, 2}}, images, draws, mean)
		}
	}
	// Steps of the places are powers of two, which single precision keeps exactly.
	draws = numbers(1, n, op.WarpDraws)
	for i := range n {
		copy(f64(draws)[i*op.WarpDraws:], []float64{float64(i) - 1.375, 0.25 * float64(i-1), 0.5, 4.25 - float64(i), -0.75,
			0.125 * float64(i), 0.75, 1.5})
	}
	for _, mean := range []array{numbers(2, 3, 1, 1), numbers(2, 3, h, w)} {
		for _, crop := range []int{1, 4, 6, 11} {
			againstNaive(t, op.Warp{Crop: crop, Scale: [3]float32{0.25, 0.5, 2}}, images, draws, mean)
		}
	}
}

func TestSGDAgainstNaive(t *testing.T) {
	for _, o := range []op.SGD{
		{RateMul: 1}, {Momentum: 0.9, WeightDecay: 5e-4, RateMul: 2}, {Momentum: 0.5, WeightDecay: 0.25},
	} {
		w, v, g, rate := numbers(1, 3, 17), numbers(2, 3, 17), numbers(3, 3, 17), numbers(4, 1)
		newW, newV := zeros(w.Type), zeros(w.Type)
		if err := Evaluate(o, []array{newW, newV}, []array{w, v, g, rate}); err != nil {
			t.Fatal(err)
		}
		peak := 0.0
		for i, w := range f64(w) {
			velocity := float64(o.Momentum)*f64(v)[i] - f64(rate)[0]*float64(o.RateMul)*(f64(g)[i]+float64(o.WeightDecay)*w)
			peak = math.Max(peak, math.Abs(f64(g)[i]))
			for q, got := range []float64{f64(newW)[i], f64(newV)[i]} {
				if want := []float64{w + velocity, velocity}[q]; !(math.Abs(got-want) <= sumTol*(1+math.Abs(want))) {
					t.Fatalf("%+v: element %d of output %d is %v, want %v", o, i, q, got, want)
				}
			}
		}
		got := zeros(op.Floats(1))
		if err := Evaluate(o.Peak(), []array{got}, []array{w, v, g, rate}); err != nil || f64(got)[0] != peak {
			t.Errorf("peak %v, %v, want %v", got.Data, err, peak)
		}
	}
}

func TestNaN(t *testing.T) {
	nan := math.NaN()
	x := array{Type: op.Floats(1, 1, 1, 4), Data: []float64{nan, 1, 2, nan}}
	o := op.MaxPool{Kernel: 1, Stride: 1}
	wide := op.MaxPool{Kernel: 3, Stride: 1, Pad: 1}
	for _, c := range []struct {
		o    op.Op
		want []bool
	}{{o, []bool{true, false, false, true}}, {wide, []bool{true, true, true, true}},
		{op.ReLU{}, []bool{true, false, false, true}}} {
		y := zeros(x.Type)
		if err := Evaluate(c.o, []array{y}, []array{x}); err != nil {
			t.Fatal(err)
		}
		for i, v := range f64(y) {
			if (v != v) != c.want[i] {
				t.Errorf("%s %+v: element %d is %v", c.o.Name(), c.o, i, v)
			}
		}
	}
}
