package pytorch

import (
	"fmt"

	"duet/alexnet/convert/element"
	"duet/alexnet/convert/foreign"
	"duet/alexnet/convert/pickle"
	"duet/internal/invalid"
)

// types are the types of numbers, by the name of their storages' class without "Storage"; the newer ones have none.
// Those without an element type are known, so that a file may have them beside its weights, but not read.
var types = map[string]struct {
	dtype string // as in "torch.float32"
	bytes int64  // of one
	read  *element.Type
}{
	"Float":         {"float32", 4, &element.Float32},
	"Double":        {"float64", 8, &element.Float64},
	"Half":          {"float16", 2, &element.Float16},
	"BFloat16":      {"bfloat16", 2, &element.Bfloat16},
	"Long":          {"int64", 8, &element.Int64},
	"Int":           {"int32", 4, &element.Int32},
	"Short":         {"int16", 2, &element.Int16},
	"Char":          {"int8", 1, &element.Int8},
	"Byte":          {"uint8", 1, &element.Uint8},
	"Bool":          {"bool", 1, &element.Bool},
	"UInt16":        {"uint16", 2, &element.Uint16},
	"UInt32":        {"uint32", 4, &element.Uint32},
	"UInt64":        {"uint64", 8, &element.Uint64},
	"Float8E4M3":    {"float8_e4m3fn", 1, nil},
	"Float8E5M2":    {"float8_e5m2", 1, nil},
	"ComplexFloat":  {"complex64", 8, nil},
	"ComplexDouble": {"complex128", 16, nil},
	"QInt8":         {"qint8", 1, nil},
	"QUInt8":        {"quint8", 1, nil},
	"QInt32":        {"qint32", 4, nil},
}

// storage is an array of numbers, of which tensors are views.
type storage struct {
	key      string
	typeName string // in types; "" for bytes without a type
	elements int64  // of a type without a name: bytes
	size     int64  // bytes
	raw      []byte // little endian, while there are uses left
	uses     int    // by tensors that are still to be read
	as       *element.Type
}

// Kind is what package pickle calls it in errors.
func (s *storage) Kind() string { return "a storage" }

// storages are all that a file has.
type storages struct {
	byKey map[string]*storage
	load  func(*storage) ([]byte, error) // its size bytes
	swap  bool                           // big endian
}

// add gives the storage of a key. The pickle says its type and size each time.
func (s *storages) add(key, typeName string, elements int64) (*storage, error) {
	each := int64(1)
	if typeName != "" {
		each = types[typeName].bytes
	}
	if elements < 0 || elements > 1<<56 {
		return nil, fmt.Errorf("storage %s: %d elements, want a number that a file can have", invalid.Short(key), elements)
	}
	old := s.byKey[key]
	if old == nil {
		old = &storage{key: key, typeName: typeName, elements: elements, size: each * elements}
		s.byKey[key] = old
	}
	if old.typeName != typeName || old.elements != elements {
		return nil, fmt.Errorf("storage %s: %d elements of %q, want the %d of %q from before",
			invalid.Short(key), elements, typeName, old.elements, old.typeName)
	}
	return old, nil
}

// tensor is a view of a storage. A parameter is one too.
type tensor struct {
	storage        *storage
	typeName       string // in types
	offset         int64
	sizes, strides *pickle.Tuple // of as many
}

// Kind is what package pickle calls it in errors.
func (x *tensor) Kind() string { return "a tensor" }

// planned is a tensor that has been checked, and will be read.
type planned struct {
	from  *storage
	read  *element.Type
	view  element.View
	shape []int
	count int
}

// plan checks a tensor.
func (s *storages) plan(f *foreign.File, name string, x *tensor) (*planned, error) {
	t := types[x.typeName]
	if t.read == nil {
		return nil, fmt.Errorf("numbers of the type %s, want real floating-point numbers, integers or bool", t.dtype)
	}
	p := &planned{from: x.storage, read: t.read, view: element.View{Offset: x.offset}}
	var err error
	if p.view.Shape, err = integers(x.sizes); err != nil {
		return nil, fmt.Errorf("sizes: %w", err)
	}
	if p.view.Stride, err = integers(x.strides); err != nil {
		return nil, fmt.Errorf("strides: %w", err)
	}
	if p.shape, p.count, err = f.Take(name, p.view.Shape); err != nil {
		return nil, err
	}
	if err := p.view.Check(p.from.size / t.bytes); err != nil {
		return nil, fmt.Errorf("storage %s: %w", invalid.Short(p.from.key), err)
	}
	if s.swap && p.from.as != nil && p.from.as != t.read {
		return nil, fmt.Errorf("storage %s: big endian numbers of the types %s and %s, want one type",
			invalid.Short(p.from.key), p.from.as.Name, t.read.Name)
	}
	p.from.as = t.read
	p.from.uses++
	return p, nil
}

// read gives a tensor's elements. A storage is in memory from its first use to its last.
func (s *storages) read(p *planned) ([]float32, error) {
	from := p.from
	if from.uses--; from.uses == 0 {
		defer func() { from.raw = nil }()
	}
	if from.raw == nil && p.count > 0 {
		raw, err := s.load(from)
		if err != nil {
			return nil, fmt.Errorf("storage %s: %w", invalid.Short(from.key), err)
		}
		if s.swap {
			p.read.Swap(raw)
		}
		from.raw = raw
	}
	out := make([]float32, p.count)
	p.read.Gather(out, from.raw, p.view)
	return out, nil
}
