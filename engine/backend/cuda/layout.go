//go:build gpu

package cuda

import (
	"fmt"
	"slices"
	"strings"

	"duet/engine/backend"
	"duet/engine/op"
)

// element is how an element of a tensor is stored.
type element uint8

const (
	float32s element = iota
	bfloat16
	bytes8
	words32 // int32 or uint32
)

// size is the bytes of an element.
func (e element) size() int64 { return [...]int64{4, 2, 1, 4}[e] }

// String is also the ending of the names of kernels for activations of this element.
func (e element) String() string { return [...]string{"f32", "bf16", "u8", "u32"}[e] }

// layout is a row-major tensor. A weight with a copy is the fp32 master, then, aligned, the same in bf16.
type layout struct {
	element element
	shape   []int
	copied  bool
}

func (l *layout) length() int { return op.Type{Shape: l.shape}.Len() }

// copyOffset is where the bf16 copy of a weight begins.
func (l *layout) copyOffset() int64 { return aligned(int64(l.length()) * l.element.size()) }

// Bytes is the size of the tensor, with its copy.
func (l *layout) Bytes() int64 {
	if l.copied {
		return l.copyOffset() + int64(l.length())*bfloat16.size()
	}
	return int64(l.length()) * l.element.size()
}

// String is such as "f32 row-major" or "f32+bf16 row-major".
func (l *layout) String() string {
	if l.copied {
		return l.element.String() + "+bf16 row-major"
	}
	return l.element.String() + " row-major"
}

func aligned(n int64) int64 {
	return (n + backend.Alignment - 1) / backend.Alignment * backend.Alignment
}

// Place lays a leaf out row-major: a weight that convolutions or products read as fp32 with a bf16 copy when
// activations are bf16, a velocity as fp32, images of the network as activations.
func (d *device) Place(t op.Type, used []backend.Use) (backend.Layout, error) {
	if err := d.open(); err != nil {
		return nil, d.errorf("place", err)
	}
	l := &layout{shape: slices.Clone(t.Shape)}
	switch t.DType {
	case op.Uint8:
		l.element = bytes8
	case op.Int32, op.Uint32:
		l.element = words32
	case op.Float:
		l.element, l.copied = d.real(used)
	default:
		return nil, d.errorf("place", fmt.Errorf("%v: elements of an unknown type", t))
	}
	return l, nil
}

// real is how a leaf of real numbers is stored.
func (d *device) real(used []backend.Use) (e element, copied bool) {
	if d.activations == float32s {
		return float32s, false
	}
	activation, weight := true, false
	for _, use := range used {
		if use.Role() == op.Average { // as its parameter
			i := slices.Index(use.Op.Roles(), op.Parameter)
			if l, is := use.Layouts[i].(*layout); is {
				return l.element, l.copied
			}
		}
		activation = activation && use.Role() == op.Activation
		weight = weight || use.Role() == op.Weight
	}
	if weight {
		return float32s, true
	}
	if activation {
		return bfloat16, false
	}
	return float32s, false
}

// describe is a list of layouts and shapes for errors.
func describe(ls []*layout) string {
	var parts []string
	for _, l := range ls {
		parts = append(parts, fmt.Sprintf("%v%v", l.element, l.shape))
	}
	return strings.Join(parts, " ")
}
