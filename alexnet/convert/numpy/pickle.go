package numpy

import (
	"errors"
	"fmt"
	"strings"

	"duet/alexnet/convert/pickle"
)

// array is NumPy's ndarray or a scalar, as its pickle describes it. It is checked when it is delivered.
type array struct {
	kind    *pickledType
	shape   *pickle.Tuple // nil: not there yet
	fortran bool
	axes    *pickle.Tuple // of shape, in the array's order; nil: as they are
	raw     any           // []byte, which others may share; string, as Python 2 has it
}

// Kind is what package pickle calls it in errors.
func (x *array) Kind() string { return "an array" }

// pickledType is NumPy's dtype in a pickle: made by its name, and then told its byte order.
type pickledType struct {
	dtype
	set bool
}

// Kind is what package pickle calls it in errors.
func (t *pickledType) Kind() string { return "a dtype" }

// globals are what a pickle of arrays may name. NumPy 2 has renamed core to _core.
func globals() map[string]pickle.Func {
	all := map[string]pickle.Func{"numpy.ndarray": nil, "numpy.dtype": makeType}
	for _, core := range []string{"numpy.core.", "numpy._core."} {
		all[core+"multiarray._reconstruct"] = reconstruct
		all[core+"multiarray.scalar"] = scalar
		all[core+"numeric._frombuffer"] = fromBuffer
	}
	return all
}

// makeType is numpy.dtype(name, False, True).
func makeType(args []any) (any, error) {
	if len(args) > 0 {
		if name, ok := args[0].(string); ok {
			return &pickledType{dtype: parseType(name)}, nil
		}
	}
	return nil, fmt.Errorf("%d arguments, want the str of a type's name first", len(args))
}

// SetState takes (3, byte order, subarray, names, fields, size, alignment, flags) of a dtype.
func (t *pickledType) SetState(state any) error {
	s, ok := state.(*pickle.Tuple)
	if !ok || len(s.Items) < 5 || t.set {
		return fmt.Errorf("%s as a dtype's state, want a tuple of 8, once", pickle.Kind(state))
	}
	order, ok := s.Items[1].(string)
	if !ok || len(order) != 1 || !strings.Contains("<>|=", order) {
		return fmt.Errorf("%s as the order of bytes, want <, >, | or =", pickle.Kind(s.Items[1]))
	}
	if s.Items[2] != nil || s.Items[3] != nil || s.Items[4] != nil {
		return errors.New("a dtype of records or arrays, want numbers of one type")
	}
	t.set, t.big = true, order == ">"
	return nil
}

// reconstruct is _reconstruct(ndarray, (0,), b"b"): an array whose state follows.
func reconstruct(args []any) (any, error) {
	if len(args) == 3 {
		if class, ok := args[0].(*pickle.Global); ok && class.Name == "numpy.ndarray" {
			return &array{}, nil
		}
	}
	return nil, fmt.Errorf("%d arguments, want 3, the first numpy.ndarray", len(args))
}

// SetState takes (1, shape, dtype, whether in Fortran's order, bytes) of an array.
func (x *array) SetState(state any) error {
	s, ok := state.(*pickle.Tuple)
	if !ok || len(s.Items) != 5 || s.Items[0] != any(int64(1)) || x.shape != nil {
		return fmt.Errorf("%s as an array's state, want a tuple of 5, the first the version 1, once", pickle.Kind(state))
	}
	fortran, ok := s.Items[3].(bool)
	if !ok {
		return fmt.Errorf("%s for Fortran's order, want True or False", pickle.Kind(s.Items[3]))
	}
	x.fortran = fortran
	return x.set(s.Items[2], s.Items[1], s.Items[4])
}

// set gives an array what it is made of.
func (x *array) set(kind, shape, data any) error {
	var ok bool
	if x.kind, ok = kind.(*pickledType); !ok {
		return fmt.Errorf("%s as its type, want a dtype", pickle.Kind(kind))
	}
	if err := x.kind.check(); err != nil {
		return err
	}
	if x.shape, ok = shape.(*pickle.Tuple); !ok {
		return fmt.Errorf("%s as its shape, want a tuple", pickle.Kind(shape))
	}
	switch x.raw = data; data.(type) {
	case []byte, string:
		return nil
	}
	return fmt.Errorf("%s as its numbers, want bytes", pickle.Kind(data))
}

// scalar is scalar(dtype, bytes).
func scalar(args []any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("%d arguments, want a dtype and bytes", len(args))
	}
	x := &array{}
	return x, x.set(args[0], &pickle.Tuple{}, args[1])
}

// fromBuffer is _frombuffer(bytes, dtype, shape, order, axes), NumPy's way of protocol 5. The order K, of NumPy 2.4,
// says that the axes are to be transposed.
func fromBuffer(args []any) (any, error) {
	if len(args) != 4 && len(args) != 5 {
		return nil, fmt.Errorf("%d arguments, want bytes, a dtype, a shape, an order and perhaps axes", len(args))
	}
	x := &array{}
	switch order := args[3]; {
	case order == any("C"):
	case order == any("F"):
		x.fortran = true
	case order == any("K") && len(args) == 5:
		var ok bool
		if x.axes, ok = args[4].(*pickle.Tuple); !ok {
			return nil, fmt.Errorf("%s as the axes, want a tuple", pickle.Kind(args[4]))
		}
	default:
		return nil, fmt.Errorf("%s as the order, want C, F, or K with axes", pickle.Kind(order))
	}
	return x, x.set(args[1], args[2], args[0])
}
