// Package numpy reads arrays that NumPy has written, without running anything of the file:
//
//   - .npy, one array (numpy.save)
//   - .npz, a zip archive of them (numpy.savez, numpy.savez_compressed)
//   - a pickle of an array, or of a dict of arrays and dicts, as programs of JAX and Flax save weights
//
// They are told apart by their content. Source of the formats: NumPy's numpy/lib/_format_impl.py and
// numpy/_core/src/multiarray/methods.c (array_reduce, array_setstate), and tests against NumPy 1.26 and 2.4.
package numpy

import (
	"fmt"
	"io"
	"strings"

	"duet/alexnet/convert/element"
	"duet/alexnet/convert/foreign"
	"duet/engine/checkpoint"
	"duet/internal/invalid"
)

// wanted is what the errors say of files of another kind.
const wanted = "NumPy's arrays (.npy, .npz) or a pickle of them"

// Read gives the arrays of a file as float32, in its order: the one of a .npy, under the name ""; those of a .npz by
// the names of its members without ".npy"; those of a pickle by their keys, joined by "/" from the outermost dict in.
// float16, float32, float64, integers and bool are read, of both byte orders; arrays of Python's objects are refused.
func Read(path string) ([]checkpoint.Tensor, error) {
	f, err := foreign.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tensors, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, nil
}

func read(f *foreign.File) ([]checkpoint.Tensor, error) {
	head, err := f.Head(64)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(string(head), magic):
		x, err := readArray(f, "", io.NewSectionReader(f, 0, f.Size), f.Size)
		if err != nil {
			return nil, err
		}
		return []checkpoint.Tensor{x}, nil
	case strings.HasPrefix(string(head), "PK"):
		return readZip(f)
	case strings.IndexByte("\x80(}c", head[0]) >= 0: // PROTO, and MARK, EMPTY_DICT, GLOBAL of protocols 0 and 1
		return readPickle(f)
	}
	return nil, foreign.NotThis(head, wanted)
}

// readZip reads a .npz.
func readZip(f *foreign.File) ([]checkpoint.Tensor, error) {
	z, err := foreign.OpenZip(f)
	if err != nil {
		return nil, err
	}
	if len(z.Names()) == 0 {
		return nil, fmt.Errorf("an empty zip archive, want %s", wanted)
	}
	out := make([]checkpoint.Tensor, 0, len(z.Names()))
	for _, member := range z.Names() {
		name, ok := strings.CutSuffix(member, ".npy")
		if !ok {
			return nil, fmt.Errorf("member %s: want .npy alone, as numpy.savez writes them", invalid.Short(member))
		}
		size, _ := z.Size(member)
		r, err := z.Open(member)
		if err != nil {
			return nil, err
		}
		x, err := readArray(f, name, r, size)
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", invalid.Short(member), err)
		}
		out = append(out, x)
	}
	return out, nil
}

// dtype is a type of numbers.
type dtype struct {
	*element.Type // nil: what is not read
	name          string
	big           bool // big endian
}

// kinds are NumPy's letters for the types that are read, with their bytes.
var kinds = map[string]*element.Type{
	"b1": &element.Bool, "f2": &element.Float16, "f4": &element.Float32, "f8": &element.Float64,
	"i1": &element.Int8, "i2": &element.Int16, "i4": &element.Int32, "i8": &element.Int64,
	"u1": &element.Uint8, "u2": &element.Uint16, "u4": &element.Uint32, "u8": &element.Uint64,
}

// parseType reads a type such as "<f4".
func parseType(name string) dtype {
	kind := strings.TrimLeft(name, "<>|=")
	return dtype{kinds[kind], name, strings.HasPrefix(name, ">")}
}

// check refuses types that are not read.
func (t dtype) check() error {
	switch {
	case t.Type != nil:
		return nil
	case strings.HasPrefix(strings.TrimLeft(t.name, "|"), "O"):
		return fmt.Errorf("type \"%s\", Python's objects, want numbers", invalid.Short(t.name))
	}
	return fmt.Errorf("type \"%s\", want float16, float32, float64, an integer or bool", invalid.Short(t.name))
}

// view is a whole array of a shape whose elements lie in C's order, or in Fortran's: the first index runs fastest.
func view(shape []int64, fortran bool) element.View {
	v := element.View{Shape: shape, Stride: make([]int64, len(shape))}
	stride := int64(1)
	for i := range shape {
		at := len(shape) - 1 - i
		if fortran {
			at = i
		}
		v.Stride[at] = stride
		stride *= shape[at]
	}
	return v
}
