package element_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"duet/alexnet/convert/element"
)

// bits compares bit for bit, as comparing would not with NaN and -0.
func bits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

func TestConvert(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		t    element.Type
		raw  string
		want []float32
	}{
		{element.Bool, "\x00\x01\x02", []float32{0, 1, 1}},
		{element.Uint8, "\x00\xff", []float32{0, 255}},
		{element.Int8, "\x7f\x80", []float32{127, -128}},
		{element.Uint16, "\x01\x02\xff\xff", []float32{513, 65535}},
		{element.Int16, "\x01\x02\xff\xff", []float32{513, -1}},
		{element.Uint32, "\xff\xff\xff\xff\x01\x00\x00\x00", []float32{1 << 32, 1}},
		{element.Int32, "\xff\xff\xff\xff\x01\x00\x00\x00", []float32{-1, 1}},
		{element.Uint64, "\xff\xff\xff\xff\xff\xff\xff\xff", []float32{1 << 64}},
		{element.Int64, "\xff\xff\xff\xff\xff\xff\xff\xff", []float32{-1}},
		{element.Bfloat16, "\x80\x3f\x80\xff", []float32{1, -inf}},
		{element.Float32, "\x00\x00\x80\x3f\x00\x00\x80\xff", []float32{1, -inf}},
		{element.Float64, "\x00\x00\x00\x00\x00\x00\xf0\x3f\x9c\x75\x00\x88\x3c\xe4\x37\x7e", []float32{1, inf}},
	} {
		got := make([]float32, len(c.want))
		raw := []byte(c.raw)
		c.t.Convert(got, raw)
		if !slices.EqualFunc(got, c.want, bits) || len(raw) != len(got)*c.t.Bytes {
			t.Errorf("%s: %v, want %v", c.t.Name, got, c.want)
		}
		c.t.Swap(raw)
		for i := range got {
			one := slices.Clone(raw[i*c.t.Bytes:][:c.t.Bytes])
			slices.Reverse(one)
			if string(one) != c.raw[i*c.t.Bytes:][:c.t.Bytes] {
				t.Errorf("%s: swapped %x, from %x", c.t.Name, raw, c.raw)
			}
		}
	}
}

// TestHalf takes all numbers of 16 bits apart: (-1)^sign * 1.fraction * 2^(exponent-15).
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		exponent, fraction := h>>10&0x1f, float64(h&0x3ff)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction, -24)
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		if h >= 1<<15 {
			want = -want
		}
		var got [1]float32
		element.Float16.Convert(got[:], binary.LittleEndian.AppendUint16(nil, uint16(h)))
		if !bits(got[0], float32(want)) && !(got[0] != got[0] && want != want) {
			t.Errorf("%#04x: %v, want %v", h, got[0], want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		shape []int64
		want  int64
		err   string
	}{
		{nil, 1, ""},
		{[]int64{2, 5, 10}, 100, ""},
		{[]int64{2, 5, 11}, 0, "shape [2 5 11], want at most 100 elements"},
		{[]int64{100, 0, 100}, 0, ""},
		{[]int64{0, 101}, 0, "at most 100"},
		{[]int64{101, 0}, 0, "at most 100"},
		{[]int64{1 << 62, 1 << 62, 1 << 62}, 0, "at most 100"},
		{[]int64{math.MaxInt64}, 0, "at most 100"},
		{[]int64{-1, -1}, 0, "no negative dimension"},
		{[]int64{0, math.MinInt64}, 0, "no negative dimension"},
		{make([]int64, element.MaxDims+1), 0, "17 dimensions, want at most 16"},
	} {
		got, err := element.Count(c.shape, 100)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%v: %d, %v, want %d, %s", c.shape, got, err, c.want, c.err)
		}
	}
}

// TestViews: what Check allows stays inside, what it refuses does not, and Gather finds the elements, all as the sum of
// index times stride has it.
func TestViews(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const elements = 40
	raw := make([]byte, 2*elements)
	for i := range elements {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(i))
	}
	allowed, contiguous := 0, 0
	for range 20000 {
		v := element.View{Offset: int64(rng.IntN(elements + 2)), Shape: []int64{}, Stride: []int64{}}
		for range rng.IntN(5) {
			v.Shape = append(v.Shape, int64(rng.IntN(4)))
			v.Stride = append(v.Stride, int64(rng.IntN(6)))
		}
		if rng.IntN(4) == 0 { // as an array has them
			stride := int64(1)
			for i := len(v.Shape) - 1; i >= 0; i-- {
				v.Stride[i] = stride
				stride *= v.Shape[i]
			}
		}
		index := []int64{v.Offset}
		for i, n := range v.Shape {
			var next []int64
			for _, at := range index {
				for k := range n {
					next = append(next, at+k*v.Stride[i])
				}
			}
			index = next
		}
		inside := v.Offset <= elements && (len(index) == 0 || slices.Max(index) < elements)
		if err := v.Check(elements); (err == nil) != inside {
			t.Fatalf("%+v: %v, want inside: %v", v, err, inside)
		}
		if !inside {
			continue
		}
		allowed++
		if v.Contiguous() {
			contiguous++
		}
		got := make([]float32, len(index))
		element.Uint16.Gather(got, raw, v)
		for i, at := range index {
			if got[i] != float32(at) {
				t.Fatalf("%+v: %v, want %v", v, got, index)
			}
		}
	}
	if allowed < 1000 || contiguous < 100 {
		t.Errorf("%d views allowed, %d contiguous: want more", allowed, contiguous)
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		view element.View
		want string
	}{
		{element.View{Offset: -1}, "offset -1"},
		{element.View{Offset: math.MinInt64}, "offset -9223372036854775808"},
		{element.View{Shape: []int64{2}, Stride: []int64{}}, "0 strides, want one for each of 1 dimensions"},
		{element.View{Shape: []int64{2}, Stride: []int64{-1}}, "want none that is negative"},
		{element.View{Shape: []int64{3}, Stride: []int64{math.MaxInt64}}, "shape [3] with strides [9223372036854775807]"},
		{element.View{Shape: []int64{1 << 32, 1 << 32}, Stride: []int64{1 << 32, 1}}, "want elements of a storage of 10"},
	} {
		if err := c.view.Check(10); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.view, err, c.want)
		}
	}
}
