package numpy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"duet/alexnet/convert/element"
	"duet/alexnet/convert/foreign"
	"duet/alexnet/convert/pickle"
	"duet/engine/checkpoint"
	"duet/internal/invalid"
)

// maxName is the longest name of an array, with those of the dicts around it.
const maxName = 1024

// readPickle reads a pickle.
func readPickle(f *foreign.File) ([]checkpoint.Tensor, error) {
	v, end, err := pickle.LoadAt(f, 0, f.Size, pickle.Options{Globals: globals()})
	var unknown *pickle.GlobalError
	if errors.As(err, &unknown) {
		return nil, fmt.Errorf("%w; want a dict of NumPy's arrays alone", err)
	}
	if err != nil {
		return nil, err
	}
	w := &walk{f: f, seen: map[string]bool{}}
	switch v.(type) {
	case *array, *pickle.Dict:
		err = w.value("", v, true)
	default:
		err = fmt.Errorf("the file's value is %s, want %s", pickle.Kind(v), wanted)
	}
	if err == nil && end != f.Size {
		err = fmt.Errorf("%d bytes behind the pickle, want none", f.Size-end)
	}
	return w.out, err
}

// walk delivers what lies in nested dicts.
type walk struct {
	f    *foreign.File
	out  []checkpoint.Tensor
	seen map[string]bool
}

// value delivers an array, or all of a dict. Each is accounted for as often as it is met.
func (w *walk) value(name string, v any, outermost bool) error {
	switch v := v.(type) {
	case *array:
		return w.array(name, v)
	case *pickle.Dict:
		if err := w.f.Spend(int64(16+len(name)) / 4); err != nil {
			return fmt.Errorf("%s: %w", invalid.Short(name), err)
		}
		for _, e := range v.Entries {
			key, ok := e.Key.(string)
			if !ok {
				return fmt.Errorf("%s: %s as a key, want a str", invalid.Short(name), pickle.Kind(e.Key))
			}
			if !outermost {
				key = name + "/" + key
			}
			if len(key) > maxName {
				return fmt.Errorf("%s: a name of %d bytes, want at most %d", invalid.Short(key), len(key), maxName)
			}
			if err := w.value(key, e.Value, false); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%s is %s, want an array or a dict of them", invalid.Short(name), pickle.Kind(v))
}

// array delivers one.
func (w *walk) array(name string, x *array) error {
	fail := func(err error) error {
		if name == "" {
			return err
		}
		return fmt.Errorf("%s: %w", invalid.Short(name), err)
	}
	if w.seen[name] {
		return fail(errors.New("two arrays of this name, want one"))
	}
	w.seen[name] = true
	if x.shape == nil {
		return fail(errors.New("an array without a state, want its numbers"))
	}
	v, err := x.view()
	if err != nil {
		return fail(err)
	}
	shape, count, err := w.f.Take(name, v.Shape)
	if err != nil {
		return fail(err)
	}
	var raw io.Reader
	have := 0
	switch b := x.raw.(type) {
	case []byte:
		raw, have = bytes.NewReader(b), len(b)
	case string:
		raw, have = strings.NewReader(b), len(b)
	}
	if want := int64(count) * int64(x.kind.Bytes); want != int64(have) {
		return fail(fmt.Errorf("%d bytes, want %d for shape %v of %s", have, want, shape, x.kind.Name))
	}
	out := checkpoint.Tensor{Name: name, Shape: shape, Data: make([]float32, count)}
	if err := fill(out.Data, raw, x.kind.dtype, v); err != nil {
		return fail(err)
	}
	w.out = append(w.out, out)
	return nil
}

// view is how the array's elements lie.
func (x *array) view() (element.View, error) {
	shape, err := integers(x.shape)
	if err != nil {
		return element.View{}, fmt.Errorf("shape: %w", err)
	}
	v := view(shape, x.fortran)
	if x.axes == nil {
		return v, nil
	}
	axes, err := integers(x.axes)
	if err != nil {
		return element.View{}, fmt.Errorf("axes: %w", err)
	}
	ordered := slices.Sorted(slices.Values(axes))
	for i := range max(len(shape), len(axes)) {
		if len(axes) != len(shape) || ordered[i] != int64(i) {
			return element.View{}, fmt.Errorf("axes %v for shape %v, want each once", axes, shape)
		}
	}
	moved := element.View{Shape: make([]int64, len(axes)), Stride: make([]int64, len(axes))}
	for i, axis := range axes {
		moved.Shape[i], moved.Stride[i] = v.Shape[axis], v.Stride[axis]
	}
	return moved, nil
}

// integers are the values of a tuple.
func integers(t *pickle.Tuple) ([]int64, error) {
	if len(t.Items) > element.MaxDims {
		return nil, fmt.Errorf("%d dimensions, want at most %d", len(t.Items), element.MaxDims)
	}
	out := make([]int64, len(t.Items))
	for i, v := range t.Items {
		n, ok := v.(int64)
		if !ok {
			return nil, fmt.Errorf("%s, want an int", pickle.Kind(v))
		}
		out[i] = n
	}
	return out, nil
}
