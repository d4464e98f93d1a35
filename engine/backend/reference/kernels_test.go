package reference

import (
	"fmt"
	"math"
	"testing"

	"duet/engine/op"
	"duet/engine/rng"
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
	if err := Evaluate(o, got, in); err != nil {
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
