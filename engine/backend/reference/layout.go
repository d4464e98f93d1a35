package reference

import (
	"fmt"

	"duet/engine/backend"
	"duet/engine/op"
)

// layout is row-major. It is comparable: equal types have equal layouts.
type layout struct {
	dtype op.DType
	wide  bool
	shape string
	len   int
}

func plain(t op.Type, wide bool) layout {
	return layout{t.DType, wide && t.DType == op.Float, fmt.Sprint(t.Shape), t.Len()}
}

func (l layout) size() int {
	switch {
	case l.dtype == op.Uint8:
		return 1
	case l.wide:
		return 8
	}
	return 4
}

// Bytes is the size of the tensor.
func (l layout) Bytes() int64 { return int64(l.len) * int64(l.size()) }

func (l layout) String() string {
	switch {
	case l.dtype != op.Float:
		return l.dtype.String() + " " + l.shape
	case l.wide:
		return "fp64 " + l.shape
	}
	return "fp32 " + l.shape
}

// own checks that a layout is this device's.
func (d *device) own(l backend.Layout) (layout, error) {
	mine, ok := l.(layout)
	if !ok {
		return layout{}, fmt.Errorf("layout %v is another backend's", l)
	}
	if mine.dtype == op.Float && mine.wide != d.wide {
		return layout{}, fmt.Errorf("layout %v is of another precision", l)
	}
	return mine, nil
}
