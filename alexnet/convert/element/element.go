// Package element turns the numbers of other programs' arrays into float32, and resolves their strides.
package element

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"duet/internal/half"
)

// Type is a type of numbers as they lie in a file, little endian.
type Type struct {
	Name  string // as NumPy and PyTorch call it
	Bytes int
	one   func(b []byte) float32
}

// The types. What a float32 cannot hold is rounded to the nearest; float64 beyond its range becomes an infinity.
var (
	Bool     = Type{"bool", 1, func(b []byte) float32 { return float32(min(b[0], 1)) }}
	Uint8    = Type{"uint8", 1, func(b []byte) float32 { return float32(b[0]) }}
	Int8     = Type{"int8", 1, func(b []byte) float32 { return float32(int8(b[0])) }}
	Uint16   = Type{"uint16", 2, func(b []byte) float32 { return float32(u16(b)) }}
	Int16    = Type{"int16", 2, func(b []byte) float32 { return float32(int16(u16(b))) }}
	Uint32   = Type{"uint32", 4, func(b []byte) float32 { return float32(u32(b)) }}
	Int32    = Type{"int32", 4, func(b []byte) float32 { return float32(int32(u32(b))) }}
	Uint64   = Type{"uint64", 8, func(b []byte) float32 { return float32(u64(b)) }}
	Int64    = Type{"int64", 8, func(b []byte) float32 { return float32(int64(u64(b))) }}
	Float16  = Type{"float16", 2, func(b []byte) float32 { return half.To32(u16(b)) }}
	Bfloat16 = Type{"bfloat16", 2, func(b []byte) float32 { return math.Float32frombits(uint32(u16(b)) << 16) }}
	Float32  = Type{"float32", 4, func(b []byte) float32 { return math.Float32frombits(u32(b)) }}
	Float64  = Type{"float64", 8, func(b []byte) float32 { return float32(math.Float64frombits(u64(b))) }}
)

var u16, u32, u64 = binary.LittleEndian.Uint16, binary.LittleEndian.Uint32, binary.LittleEndian.Uint64

// Convert fills out from b, which has as many elements.
func (t Type) Convert(out []float32, b []byte) {
	if t.Name == Float32.Name {
		for i := range out {
			out[i] = math.Float32frombits(u32(b[4*i:]))
		}
		return
	}
	for i := range out {
		out[i] = t.one(b[t.Bytes*i:])
	}
}

// Swap turns the elements in b from big to little endian, or back.
func (t Type) Swap(b []byte) {
	for i := 0; i+t.Bytes <= len(b) && t.Bytes > 1; i += t.Bytes {
		slices.Reverse(b[i : i+t.Bytes])
	}
}

// MaxDims are the dimensions that an array may have: far more than weights have, fewer than PyTorch and NumPy allow,
// for each takes memory too.
const MaxDims = 16

// View is an array of the elements offset + sum of index[i]*Stride[i] of a storage.
type View struct {
	Offset        int64
	Shape, Stride []int64 // of the same length
}

// Count gives the number of elements of a shape, and refuses more than limit of them, also in an array without any
// elements: limit then holds for each dimension.
func Count(shape []int64, limit int64) (int64, error) {
	if len(shape) > MaxDims {
		return 0, fmt.Errorf("%d dimensions, want at most %d", len(shape), MaxDims)
	}
	count, empty := int64(1), false
	for _, n := range shape {
		switch {
		case n < 0:
			return 0, fmt.Errorf("shape %v, want no negative dimension", shape)
		case n == 0:
			empty = true
		case n > limit || !empty && count > limit/n:
			return 0, fmt.Errorf("shape %v, want at most %d elements", shape, limit)
		default:
			count *= n
			if empty {
				count = 0
			}
		}
	}
	if empty {
		return 0, nil
	}
	return count, nil
}

// Check refuses a view that leaves its storage of so many elements.
func (v View) Check(elements int64) error {
	last := v.Offset // the highest index; never beyond elements
	if len(v.Shape) != len(v.Stride) {
		return fmt.Errorf("%d strides, want one for each of %d dimensions", len(v.Stride), len(v.Shape))
	}
	if v.Offset < 0 || v.Offset > elements {
		return fmt.Errorf("offset %d, want one in a storage of %d elements", v.Offset, elements)
	}
	if slices.Contains(v.Shape, 0) {
		return nil
	}
	for i, n := range v.Shape {
		stride := v.Stride[i]
		if stride < 0 {
			return fmt.Errorf("strides %v, want none that is negative", v.Stride)
		}
		if n > 1 && stride > (elements-last)/(n-1) {
			last = elements
			break
		}
		last += (n - 1) * stride
	}
	if last >= elements {
		return fmt.Errorf("shape %v with strides %v from %d, want elements of a storage of %d alone",
			v.Shape, v.Stride, v.Offset, elements)
	}
	return nil
}

// Contiguous tells whether the elements lie row by row, one behind the other.
func (v View) Contiguous() bool {
	want := int64(1)
	for i := len(v.Shape) - 1; i >= 0; i-- {
		if v.Shape[i] != 1 && v.Stride[i] != want {
			return false
		}
		want *= v.Shape[i]
	}
	return true
}

// Gather fills out with a view's elements, in row-major order, from the storage b. The view was checked, and has as
// many elements as out.
func (t Type) Gather(out []float32, b []byte, v View) {
	switch {
	case len(out) == 0:
	case v.Contiguous():
		t.Convert(out, b[v.Offset*int64(t.Bytes):])
	default:
		t.gather(out, b, v)
	}
}

// gather does the outermost dimension of a view that has elements.
func (t Type) gather(out []float32, b []byte, v View) {
	if len(v.Shape) == 0 {
		out[0] = t.one(b[v.Offset*int64(t.Bytes):])
		return
	}
	inner := len(out) / int(v.Shape[0])
	for i := range v.Shape[0] {
		at := v.Offset + i*v.Stride[0]
		if inner == 1 { // all inner dimensions are 1
			out[i] = t.one(b[at*int64(t.Bytes):])
			continue
		}
		t.gather(out[int(i)*inner:][:inner], b, View{at, v.Shape[1:], v.Stride[1:]})
	}
}
