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

// layout is how a tensor lies. A weight with a copy is the fp32 master, then, aligned, the same in bf16.
type layout struct {
	element element
	shape   []int // as the host has it
	order   order
	block   int // of what is patched
	pad     int // of patched images, around them
	copied  bool
}

// length is the elements that the host has.
func (l *layout) length() int { return op.Type{Shape: l.shape}.Len() }

// stored is the elements in the device's memory.
func (l *layout) stored() int {
	if l.order != patched {
		return l.length()
	}
	return l.shape[0] * l.places(l.shape[2]) * l.places(l.shape[3]) * l.width()
}

// copyOffset is where the bf16 copy of a weight begins.
func (l *layout) copyOffset() int64 { return aligned(int64(l.stored()) * l.element.size()) }

// Bytes is the size of the tensor, with its copy.
func (l *layout) Bytes() int64 {
	if l.copied {
		return l.copyOffset() + int64(l.stored())*bfloat16.size()
	}
	return int64(l.stored()) * l.element.size()
}

// String is such as "f32 row-major" or "f32+bf16 channels-last".
func (l *layout) String() string {
	name := l.element.String()
	if l.copied {
		name += "+bf16"
	}
	if l.order == patched {
		return fmt.Sprintf("%s %v of %d x %d", name, l.order, l.block, l.block)
	}
	return fmt.Sprintf("%s %v", name, l.order)
}

func aligned(n int64) int64 {
	return (n + backend.Alignment - 1) / backend.Alignment * backend.Alignment
}

// Place lays a leaf out: what convolutions and products read as weights as they like it, fp32 with a bf16 copy when
// activations are bf16, what belongs to a parameter as the parameter, the rest row-major, activations in the precision
// of activations.
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
		d.real(l, used)
	default:
		return nil, d.errorf("place", fmt.Errorf("%v: elements of an unknown type", t))
	}
	return l, nil
}

// Uploaded is in the host's order, which an upload need not permute.
func (d *device) Uploaded(l backend.Layout) backend.Layout {
	mine, ok := l.(*layout)
	if !ok {
		return l
	}
	return &layout{element: mine.element, shape: mine.shape}
}

// real lays a leaf of real numbers out.
func (d *device) real(l *layout, used []backend.Use) {
	activation, weight := true, false
	for _, use := range used {
		role := use.Role()
		switch role {
		case op.Average, op.Velocity, op.Gradient:
			if p := parameterOf(use); p != nil {
				l.order, l.block, l.copied = p.order, p.block, p.copied && role == op.Average
				return
			}
		case op.Weight:
			weight = true
			reader := use.Op
			if both, is := reader.(op.Rectified); is {
				reader = both.Grad
			}
			switch o := reader.(type) {
			case op.Conv2D:
				l.order, l.block = d.weightOrder(o, l.shape)
			case op.Conv2DGradInput:
				l.order, l.block = d.weightOrder(o.Conv, l.shape)
			}
		}
		activation = activation && role == op.Activation
	}
	switch {
	case weight:
		l.copied = d.activations != float32s
	case activation:
		l.element = d.activations // in the host's order: what is uploaded every step is not permuted there
	}
}

// parameterOf is the layout of the parameter that an update of a leaf belongs to; nil where it is not known.
func parameterOf(use backend.Use) *layout {
	i := slices.Index(use.Op.Roles(), op.Parameter)
	if i < 0 || i >= len(use.Layouts) {
		return nil
	}
	l, _ := use.Layouts[i].(*layout)
	return l
}

// describe is a list of layouts and shapes for errors.
func describe(ls []*layout) string {
	var parts []string
	for _, l := range ls {
		parts = append(parts, fmt.Sprintf("%v%v", l.element, l.shape))
	}
	return strings.Join(parts, " ")
}
