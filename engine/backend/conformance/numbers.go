package conformance

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/internal/rng"
)

// dropoutBits checks the masks against the generator itself, and that towers draw the halves of the layer's.
func (s *suite) dropoutBits(t *testing.T, d backend.Device) {
	const batch, width = 3, 37
	seed, step := uint64(0xfedcba9876543210), uint32(123456)
	draw := func(t *testing.T, o op.Dropout, features int) []float64 {
		n := &network{t: t}
		x := n.leaf("x", op.Floats(batch, features), constant(batch*features, 1))
		counters := n.leaf("counters", op.Type{DType: op.Uint32, Shape: []int{4}},
			[]uint32{uint32(seed), uint32(seed >> 32), step, 0})
		y := n.apply("y", o, x, counters)
		r := s.load(t, d, n, mode{})
		defer r.free(t)
		return r.run(t)[y].([]float64)
	}
	for _, rate := range []float32{0, 0.1, 0.25, 0.5, 0.9, 0.999} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			o := op.Dropout{Rate: rate, Width: width, Stream: 42}
			whole := draw(t, o, width)
			stream := rng.New(seed, rng.Dropout, o.Stream, step)
			for i, y := range whole {
				want := 1.0
				if stream.Uint32(uint64(i)) < o.Threshold() {
					want = 0
				}
				if y != want {
					t.Fatalf("feature %d of image %d is %v, want %v", i%width, i/width, y, want)
				}
			}
			for _, cut := range []int{1, 16, 18, 36} {
				first, second := o, o
				second.First = cut
				a, b := draw(t, first, cut), draw(t, second, width-cut)
				for i, y := range whole {
					half := 0.0
					if n, f := i/width, i%width; f < cut {
						half = a[n*cut+f]
					} else {
						half = b[n*(width-cut)+f-cut]
					}
					if half != y {
						t.Fatalf("towers cut at %d: feature %d of image %d is %v, of the whole layer %v", cut, i%width, i/width, half, y)
					}
				}
			}
		})
	}
}

// badLabels checks that a label that is no class gives a NaN, not a crash.
func (s *suite) badLabels(t *testing.T, d backend.Device) {
	for _, bad := range []int32{-1, 10, math.MaxInt32, math.MinInt32} {
		n := &network{t: t}
		z := n.random("z", 3, 10)
		loss := n.apply("loss", op.SoftmaxLoss{}, z, n.leaf("labels", labelType(3), []int32{1, bad, 9}))
		r := s.load(t, d, n, mode{})
		if got := r.run(t)[loss].([]float64)[0]; got == got {
			t.Errorf("label %d of 10 classes: loss %v, want NaN", bad, got)
		}
		r.free(t)
		n = &network{t: t}
		l := n.leaf("labels", labelType(3), []int32{1, bad, 9})
		z = n.random("z", 3, 10)
		n.apply("dz", op.SoftmaxLossGrad{}, z, l, n.leaf("dloss", op.Floats(), []float64{1}))
		n.apply("errors", op.TopErrors{}, z, l)
		r = s.load(t, d, n, mode{})
		r.run(t) // any numbers, no crash
		r.free(t)
	}
}

// nan checks that a NaN in the input comes out of the operations that add, and of those that choose as op says.
func (s *suite) nan(t *testing.T, d backend.Device) {
	poisoned := func(n *network, shape ...int) id {
		data := spread("x", 1, op.Floats(shape...).Len())
		data[len(data)/2] = math.NaN()
		return n.leaf("x", op.Floats(shape...), data)
	}
	for _, c := range []struct {
		name   string
		build  func(n *network) id
		wanted bool
	}{
		{"conv2d", func(n *network) id {
			return n.apply("y", op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 1}, poisoned(n, 1, 3, 5, 5),
				n.random("w", 4, 3, 3, 3), n.random("b", 4))
		}, true},
		{"linear", func(n *network) id {
			return n.apply("y", op.Linear{}, poisoned(n, 2, 5), n.random("w", 3, 5), n.random("b", 3))
		}, true},
		{"lrn", func(n *network) id {
			return n.apply("y", op.LRN{N: 5, K: 2, Alpha: 1, Beta: 0.75, Groups: 1}, poisoned(n, 1, 7, 3, 3))
		}, true},
		{"softmax", func(n *network) id { return n.apply("y", op.Softmax{}, poisoned(n, 1, 7)) }, true},
		{"softmax_loss", func(n *network) id {
			return n.apply("y", op.SoftmaxLoss{}, poisoned(n, 1, 7), n.leaf("labels", labelType(1), []int32{2}))
		}, true},
		{"lrn of sixteen maps", func(n *network) id {
			return n.apply("y", op.LRN{N: 5, K: 2, Alpha: 1, Beta: 0.75, Groups: 1}, poisoned(n, 1, 16, 3, 3))
		}, true},
		{"max_pool", func(n *network) id {
			return n.apply("y", op.MaxPool{Kernel: 3, Stride: 2}, poisoned(n, 1, 1, 5, 5))
		}, !s.IgnoresNaN},
		{"relu", func(n *network) id { return n.apply("y", op.ReLU{}, poisoned(n, 9)) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &network{t: t}
			y := c.build(n)
			r := s.load(t, d, n, mode{})
			defer r.free(t)
			found := false
			for _, v := range r.run(t)[y].([]float64) {
				found = found || v != v
			}
			if c.wanted && !found {
				t.Error("no NaN came out")
			}
		})
	}
}

// firstNaN checks where pooling says that the maximum of a window with two NaN was: at the first, in all maps.
func (s *suite) firstNaN(t *testing.T, d backend.Device) {
	const first, second, side = 4, 7, 3
	pool := op.MaxPool{Kernel: side, Stride: 2}
	both := op.LRNMaxPool{LRN: op.LRN{N: 5, K: 1, Alpha: 0.5, Beta: 0.75, Groups: 1}, Pool: pool}
	for _, maps := range []int{1, 8} {
		for _, c := range []struct {
			o, companion op.Op
			can          bool
		}{
			{pool, op.MaxPoolArgmax{Pool: pool}, !s.IgnoresNaN},
			{both, op.LRNMaxPoolArgmax{LRNMaxPool: both}, !slices.Contains(s.Lacks, both.Name())},
		} {
			if !c.can {
				continue
			}
			t.Run(fmt.Sprintf("%s of %d maps", c.o.Name(), maps), func(t *testing.T) {
				n, x := &network{t: t}, spread("x", 1, maps*side*side)
				for i := 0; i < len(x); i += side * side {
					x[i+first], x[i+second] = math.NaN(), math.NaN()
				}
				out := n.applyWith("y", c.o, c.companion, n.leaf("x", op.Floats(1, maps, side, side), x))
				r := s.load(t, d, n, mode{companions: true})
				defer r.free(t)
				got := r.run(t)
				for i, y := range got[out[0]].([]float64) {
					if at := got[out[1]].([]uint8)[i]; y == y || at != first {
						t.Errorf("map %d: %v of place %d, want NaN of place %d", i, y, at, first)
					}
				}
			})
		}
	}
}

// infinite checks what operations make of infinities and of NaN, exactly.
func (s *suite) infinite(t *testing.T, d backend.Device) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name string
		o    op.Op
		in   [][]float64 // of one shape
		typ  op.Type
		want []float64
	}{
		{"tanh", op.Tanh{}, [][]float64{{inf, -inf, nan, 0}}, op.Floats(4), []float64{1, -1, nan, 0}},
		{"tanh of a row of vectors", op.Tanh{}, [][]float64{slices.Repeat([]float64{inf, nan, -inf, 0}, 20)},
			op.Floats(4, 20), slices.Repeat([]float64{1, nan, -1, 0}, 20)},
		{"tanh_grad", op.TanhGrad{}, [][]float64{{1, -1, 0.5, nan, 0, 1}, {7, 7, inf, 1, nan, 0}}, op.Floats(6),
			[]float64{0, 0, inf, nan, nan, 0}},
		{"avg_pool", op.AvgPool{Kernel: 2, Stride: 2}, [][]float64{{inf, 1, nan, 1, -inf, 7, 3, 5,
			inf, 1, 1, 1, inf, 0, 4, 8}}, op.Floats(1, 1, 2, 8), []float64{inf, nan, nan, 5}},
		{"avg_pool_grad", op.AvgPoolGrad{Pool: op.AvgPool{Kernel: 1, Stride: 1}, H: 1, W: 4}, [][]float64{{inf, 1, nan, 2}},
			op.Floats(1, 1, 1, 4), []float64{inf, 1, nan, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &network{t: t}
			var in []id
			for i, x := range c.in {
				in = append(in, n.leaf(fmt.Sprint(i), c.typ, x))
			}
			y := n.apply("y", c.o, in...)
			r := s.load(t, d, n, mode{})
			defer r.free(t)
			for i, got := range r.run(t)[y].([]float64) {
				if want := c.want[i]; got != want && (got == got || want == want) {
					t.Errorf("element %d is %v, want %v", i, got, want)
				}
			}
		})
	}
}
