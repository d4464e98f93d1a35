package conformance

import (
	"math"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
)

// transfers checks that what is uploaded comes back, for every type of element and the layouts of layers.
func (s *suite) transfers(t *testing.T, d backend.Device) {
	conv := op.Conv2D{Kernel: 3, Stride: 1, Pad: 1, Groups: 2}
	x, w, b := op.Floats(3, 34, 7, 5), op.Floats(18, 17, 3, 3), op.Floats(18)
	update := op.SGD{Momentum: 0.9, RateMul: 1}
	of := func(o op.Op, arg int, in ...op.Type) []backend.Use {
		return []backend.Use{{Op: o, Arg: arg, In: in, Layouts: make([]backend.Layout, len(in))}}
	}
	for _, c := range []struct {
		name  string
		typ   op.Type
		uses  []backend.Use
		exact bool // kept in fp32 on every device
	}{
		{"scalar", op.Floats(), nil, false},
		{"vector", op.Floats(17), nil, false},
		{"images", x, of(conv, 0, x, w, b), false},
		{"weight", w, append(of(conv, 1, x, w, b), of(update, 0, w, w, w, op.Floats(1))...), true},
		{"bias", b, append(of(conv, 2, x, w, b), of(update, 0, b, b, b, op.Floats(1))...), true},
		{"uint8", op.Type{DType: op.Uint8, Shape: []int{3, 5, 7}}, nil, true},
		{"int32", op.Type{DType: op.Int32, Shape: []int{5}}, nil, true},
		{"uint32", op.Type{DType: op.Uint32, Shape: []int{4}}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := sample(c.typ, s.stored == unitBF16 && !c.exact)
			l, err := d.Place(c.typ, c.uses)
			if err != nil {
				t.Fatal(err)
			}
			if l.String() == "" {
				t.Error("the layout has no name")
			}
			m, err := d.Alloc(l.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if m.Bytes() < l.Bytes() {
				t.Errorf("asked for %d bytes, got %d", l.Bytes(), m.Bytes())
			}
			buffer := backend.Buffer{Memory: m, Bytes: l.Bytes()}
			host := hostArray(data)
			if err := backend.Write(d, buffer, l, host); err != nil {
				t.Fatal(err)
			}
			if f, isReal := host.([]float32); isReal {
				clear(f) // it is ours again
			}
			got := hostArray(zeroed(c.typ))
			if err := d.Download(got, buffer, l); err != nil {
				t.Fatal(err)
			}
			if f, isReal := got.([]float32); isReal {
				if i := firstDifference(float64s(f), data); i >= 0 {
					t.Errorf("element %d is %v, want %v", i, f[i], element(data, i))
				}
			} else if i := firstDifference(got, data); i >= 0 {
				t.Errorf("element %d is %v, want %v", i, element(got, i), element(data, i))
			}
			if err := d.Free(m); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("ties", func(t *testing.T) {
		l, err := d.Place(x, of(conv, 0, x, w, b))
		if err != nil {
			t.Fatal(err)
		}
		s.ties(t, d, l, x.Len())
	})
	t.Run("fresh memory is zero", func(t *testing.T) {
		l, err := d.Place(op.Type{DType: op.Uint8, Shape: []int{1000}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // reused memory too
			m, err := d.Alloc(1000)
			if err != nil {
				t.Fatal(err)
			}
			buffer, got := backend.Buffer{Memory: m, Bytes: 1000}, make([]uint8, 1000)
			if err := d.Download(got, buffer, l); err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				if v != 0 {
					t.Fatalf("byte %d is %d", i, v)
				}
				got[i] = 255
			}
			if err := backend.Write(d, buffer, l, got); err != nil {
				t.Fatal(err)
			}
			if err := d.Sync(); err != nil {
				t.Fatal(err)
			}
			if err := d.Free(m); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// ties uploads numbers that lie between two of bf16, which a device in that precision rounds to the nearest, and to
// the even one where both are as near; or keeps as they are.
func (s *suite) ties(t *testing.T, d backend.Device, l backend.Layout, length int) {
	m, err := d.Alloc(l.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	buffer := backend.Buffer{Memory: m, Bytes: l.Bytes()}
	const ulp = 1. / 128 // of bf16 from 1 to 2
	few := []float64{1 + ulp/2, 1 + 3*ulp/2, -1 - ulp/2, -1 - 3*ulp/2, 1 + 0.499*ulp, 1 + 0.501*ulp, 1 + 1.499*ulp,
		1 + 1.501*ulp, 2 - ulp/2}
	exact, host := make([]float64, length), make([]float32, length)
	for i := range exact {
		exact[i] = math.Ldexp(few[i%len(few)], i%30-15)
		host[i] = float32(exact[i])
	}
	if err := backend.Write(d, buffer, l, host); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, length)
	if err := d.Download(got, buffer, l); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		kept, rounded := round(exact[i], false), round(exact[i], s.stored == unitBF16)
		if float64(v) != kept && float64(v) != rounded {
			t.Fatalf("element %d, %v, became %v, want %v", i, exact[i], v, rounded)
		}
	}
	if err := d.Free(m); err != nil {
		t.Error(err)
	}
}

// sample is data of a type, that a device can hold exactly.
func sample(t op.Type, bf16 bool) any {
	switch t.DType {
	case op.Uint8:
		return pixels("sample", t.Len())
	case op.Int32:
		return labels(1<<30, t.Len())
	case op.Uint32:
		data := make([]uint32, t.Len())
		for i := range data {
			data[i] = 0xffffffff - uint32(i)*0x12345
		}
		return data
	}
	data := spread("sample", 1, t.Len())
	for i := range data {
		data[i] = round(data[i], bf16)
	}
	return data
}
