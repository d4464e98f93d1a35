package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"duet/internal/half"
	"duet/internal/wire"
)

// stored is a TensorProto as the file has it. One of its four lists or raw has the numbers, or another file.
type stored struct {
	dims    []int64
	floats  []float32
	doubles []float32
	int32s  []int64
	int64s  []int64
	raw     []byte
	hasRaw  bool
	outside bool
	place   place
}

// tensor gives the name also with an error.
func (r *reader) tensor(f wire.Field) (t Tensor, err error) {
	var s stored
	if err := s.read(f, &t); err != nil {
		return t, err
	}
	size := t.Type.bytes()
	if size == 0 {
		return t, fmt.Errorf("elements of %v, can read float, double, float16, bfloat16, int32, int64 and bool", t.Type)
	}
	shape, count, err := wire.Shape(s.dims)
	if err != nil {
		return t, err
	}
	t.Shape = shape
	lists := len(s.floats) + len(s.doubles) + len(s.int32s) + len(s.int64s)
	switch {
	case (s.hasRaw || s.outside) && lists > 0 || s.hasRaw && s.outside:
		return t, errors.New("its numbers are there twice")
	case s.outside:
		return t, r.external(&t, s.place, count)
	case s.hasRaw:
		if int64(len(s.raw)) != int64(count)*int64(size) {
			return t, fmt.Errorf("shape %v of %v needs %d bytes, raw_data has %d", t.Shape, t.Type,
				int64(count)*int64(size), len(s.raw))
		}
		t.make(count)
		t.decode(0, s.raw)
		return t, nil
	}
	if err := s.list(&t); err != nil {
		return t, err
	}
	if n := len(t.Data) + len(t.Ints); n != count || n != lists {
		return t, fmt.Errorf("shape %v of %v needs %d numbers, the file has %d of them and %d of other types", t.Shape,
			t.Type, count, n, lists-n)
	}
	return t, nil
}

// read fills in the name and the type of t.
func (s *stored) read(f wire.Field, t *Tensor) error {
	return f.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case tensorDims:
			s.dims, err = f.AppendInts(s.dims)
		case tensorType:
			t.Type, err = readType(f)
		case tensorName:
			t.Name, err = f.Text()
		case tensorRaw:
			s.hasRaw = true
			s.raw, err = f.Raw()
		case tensorFloats:
			s.floats, err = f.AppendFloats(s.floats)
		case tensorDoubles:
			s.doubles, err = f.AppendDoubles(s.doubles)
		case tensorInt32s:
			s.int32s, err = f.AppendInts(s.int32s)
		case tensorInt64s:
			s.int64s, err = f.AppendInts(s.int64s)
		case tensorExternal:
			err = s.place.read(f)
		case tensorLocation:
			var x int64
			x, err = f.Int()
			s.outside = x == locationExternal
		case tensorSegment:
			err = errors.New("segments are not read")
		}
		return err
	})
}

// list gives t the numbers of the list that belongs to its type. Those of float16 and bfloat16 are bits.
func (s *stored) list(t *Tensor) error {
	switch t.Type {
	case Float:
		t.Data = s.floats
	case Double:
		t.Data = s.doubles
	case Int64:
		t.Ints = s.int64s
	case Int32, Bool:
		for _, x := range s.int32s {
			if x != int64(int32(x)) || t.Type == Bool && x&^1 != 0 {
				return fmt.Errorf("%d among numbers of %v", x, t.Type)
			}
		}
		t.Ints = s.int32s
	case Float16, BFloat16:
		t.Data = make([]float32, len(s.int32s))
		for i, x := range s.int32s {
			if x != int64(uint16(x)) {
				return fmt.Errorf("%d among numbers of %v, which have 16 bits", x, t.Type)
			}
			if t.Data[i] = half.To32(uint16(x)); t.Type == BFloat16 {
				t.Data[i] = math.Float32frombits(uint32(x) << 16)
			}
		}
	}
	if t.Type.isInt() && t.Ints == nil {
		t.Ints = []int64{}
	} else if !t.Type.isInt() && t.Data == nil {
		t.Data = []float32{}
	}
	return nil
}

// make gives a tensor room for its numbers.
func (t *Tensor) make(count int) {
	if t.Type.isInt() {
		t.Ints = make([]int64, count)
	} else {
		t.Data = make([]float32, count)
	}
}

// decode takes raw data, which is little endian, for the numbers from the i-th on.
func (t *Tensor) decode(i int, raw []byte) {
	little := binary.LittleEndian
	size := t.Type.bytes()
	for ; len(raw) > 0; i, raw = i+1, raw[size:] {
		switch t.Type {
		case Float:
			t.Data[i] = math.Float32frombits(little.Uint32(raw))
		case Double:
			t.Data[i] = float32(math.Float64frombits(little.Uint64(raw)))
		case Float16:
			t.Data[i] = half.To32(little.Uint16(raw))
		case BFloat16:
			t.Data[i] = math.Float32frombits(uint32(little.Uint16(raw)) << 16)
		case Int32:
			t.Ints[i] = int64(int32(little.Uint32(raw)))
		case Int64:
			t.Ints[i] = int64(little.Uint64(raw))
		case Bool:
			t.Ints[i] = int64(min(raw[0], 1))
		}
	}
}
