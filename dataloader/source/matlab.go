package source

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf16"
)

// A synset is an entry of the devkit's meta.mat. Those with numbers up to 1000 are the classes; above them are the
// inner nodes of the tree.
type synset struct {
	id          int
	wnid, words string
}

// The MAT-file format, level 5: a header of 128 bytes, then elements, each a tag of two uint32 (type, bytes) and data that
// is padded to 8 bytes; small elements have type, size and data within 8 bytes.
// Source: MathWorks, "MAT-File Format", 2019.
const (
	miINT8, miUINT8, miINT16, miUINT16, miINT32, miUINT32 = 1, 2, 3, 4, 5, 6
	miSINGLE, miDOUBLE, miINT64, miUINT64                 = 7, 9, 12, 13
	miMATRIX, miCOMPRESSED, miUTF8, miUTF16               = 14, 15, 16, 17

	mxSTRUCT, mxCHAR = 2, 4

	matHeader     = 128
	matMaxCells   = 1 << 16
	matMaxFields  = 64
	matMaxStrings = 1 << 12 // characters of one
)

var errMATEnds = errors.New("ends within an element")

// numberBytes are the sizes of the types of numbers.
var numberBytes = map[uint32]int{miINT8: 1, miUINT8: 1, miINT16: 2, miUINT16: 2, miINT32: 4, miUINT32: 4, miSINGLE: 4, miDOUBLE: 8,
	miINT64: 8, miUINT64: 8}

// A matFile is data in its byte order.
type matFile struct{ order binary.ByteOrder }

// readMeta reads the struct array synsets out of a MAT file.
func readMeta(data []byte) ([]synset, error) {
	if len(data) < matHeader {
		return nil, fmt.Errorf("%d bytes: a MAT file of level 5 has at least %d", len(data), matHeader)
	}
	f := matFile{binary.LittleEndian}
	switch mark := string(data[126:128]); mark {
	case "IM":
	case "MI":
		f.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("byte order %q: want a MAT file of level 5, which says IM or MI", mark)
	}
	if version := f.order.Uint16(data[124:]); version != 0x100 {
		return nil, fmt.Errorf("version %#x: want a MAT file of level 5, which is 0x100", version)
	}
	inflated := 0
	for rest := data[matHeader:]; len(rest) > 0; {
		kind, body, after, err := f.element(rest)
		if err != nil {
			return nil, err
		}
		rest = after
		if kind == miCOMPRESSED {
			z, err := zlib.NewReader(bytes.NewReader(body))
			if err != nil {
				return nil, fmt.Errorf("compressed element: %w", err)
			}
			whole, err := io.ReadAll(io.LimitReader(z, int64(maxInflated-inflated)+1))
			if err != nil {
				return nil, fmt.Errorf("compressed element: %w", err)
			}
			if inflated += len(whole); inflated > maxInflated {
				return nil, fmt.Errorf("unpacks to more than %d MiB", maxInflated>>20)
			}
			if kind, body, _, err = f.element(whole); err != nil {
				return nil, err
			}
		}
		if kind != miMATRIX {
			continue
		}
		synsets, err := f.synsets(body)
		if err != nil || synsets != nil {
			return synsets, err
		}
	}
	return nil, errors.New("no struct array synsets in it")
}

// element splits the first element off.
func (f matFile) element(b []byte) (kind uint32, body, rest []byte, err error) {
	if len(b) < 8 {
		return 0, nil, nil, errMATEnds
	}
	kind = f.order.Uint32(b)
	if size := kind >> 16; size != 0 {
		if size > 4 {
			return 0, nil, nil, fmt.Errorf("a small element of %d bytes: want at most 4", size)
		}
		return kind & 0xffff, b[4 : 4+size], b[8:], nil
	}
	size := uint64(f.order.Uint32(b[4:]))
	if size > uint64(len(b)-8) {
		return 0, nil, nil, errMATEnds
	}
	padded := size
	if kind != miCOMPRESSED {
		padded = min((size+7)&^7, uint64(len(b)-8))
	}
	return kind, b[8 : 8+size], b[8+padded:], nil
}

// A matArray is the head of a matrix; rest are the elements of its content.
type matArray struct {
	class uint32
	cells int
	name  string
	rest  []byte
}

func (f matFile) array(b []byte) (m matArray, err error) {
	_, flags, b, err := f.element(b)
	if err != nil {
		return m, err
	}
	if len(flags) < 4 {
		return m, errMATEnds
	}
	m.class = f.order.Uint32(flags) & 0xff
	_, dims, b, err := f.element(b)
	if err != nil {
		return m, err
	}
	m.cells = 1
	for ; len(dims) >= 4; dims = dims[4:] {
		n := f.order.Uint32(dims)
		if n > matMaxCells || m.cells*int(n) > matMaxCells {
			return m, fmt.Errorf("an array of more than %d elements", matMaxCells)
		}
		m.cells *= int(n)
	}
	_, name, b, err := f.element(b)
	m.name, m.rest = string(name), b
	return m, err
}

// synsets reads the matrix when it is the struct array of that name; else it gives nil.
func (f matFile) synsets(b []byte) ([]synset, error) {
	m, err := f.array(b)
	if err != nil {
		return nil, err
	}
	if m.class != mxSTRUCT || m.name != "synsets" {
		return nil, nil
	}
	_, length, b, err := f.element(m.rest)
	if err != nil {
		return nil, err
	}
	_, names, b, err := f.element(b)
	if err != nil {
		return nil, err
	}
	if len(length) < 4 {
		return nil, errMATEnds
	}
	width := int(f.order.Uint32(length))
	if width < 1 || width > 1<<10 || len(names)%width != 0 || len(names)/width > matMaxFields {
		return nil, fmt.Errorf("synsets: field names of %d bytes in all, %d each", len(names), width)
	}
	var fields []string
	has := map[string]bool{}
	for ; len(names) > 0; names = names[width:] {
		name := string(bytes.TrimRight(names[:width], "\x00"))
		fields, has[name] = append(fields, name), true
	}
	if !has["ILSVRC2012_ID"] || !has["WNID"] || !has["words"] {
		return nil, fmt.Errorf("synsets has the fields %q: want ILSVRC2012_ID, WNID and words among them", fields)
	}
	all := make([]synset, m.cells)
	for i := range all {
		for _, field := range fields {
			var kind uint32
			var body []byte
			if kind, body, b, err = f.element(b); err != nil {
				return nil, fmt.Errorf("synsets(%d).%s: %w", i+1, field, err)
			}
			if kind != miMATRIX {
				return nil, fmt.Errorf("synsets(%d).%s: element type %d: want %d, a matrix", i+1, field, kind, miMATRIX)
			}
			if err := f.field(&all[i], field, body); err != nil {
				return nil, fmt.Errorf("synsets(%d).%s: %w", i+1, field, err)
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("synsets is empty")
	}
	return all, nil
}

func (f matFile) field(s *synset, name string, b []byte) (err error) {
	switch name {
	case "ILSVRC2012_ID":
		s.id, err = f.number(b)
	case "WNID":
		if s.wnid, err = f.chars(b); err == nil && !isWNID(s.wnid) {
			err = fmt.Errorf("%.40q: want a WordNet ID such as n01440764", s.wnid)
		}
	case "words":
		s.words, err = f.chars(b)
	}
	return err
}

// number reads an array of one number, which must be a positive whole one.
func (f matFile) number(b []byte) (int, error) {
	m, err := f.array(b)
	if err != nil {
		return 0, err
	}
	kind, body, _, err := f.element(m.rest)
	if err != nil {
		return 0, err
	}
	x := math.NaN()
	size := numberBytes[kind]
	if m.cells != 1 || size == 0 || len(body) != size {
		return 0, fmt.Errorf("%d elements in %d bytes of type %d: want one number", m.cells, len(body), kind)
	}
	switch kind {
	case miINT8:
		x = float64(int8(body[0]))
	case miUINT8:
		x = float64(body[0])
	case miINT16:
		x = float64(int16(f.order.Uint16(body)))
	case miUINT16:
		x = float64(f.order.Uint16(body))
	case miINT32:
		x = float64(int32(f.order.Uint32(body)))
	case miUINT32:
		x = float64(f.order.Uint32(body))
	case miSINGLE:
		x = float64(math.Float32frombits(f.order.Uint32(body)))
	case miDOUBLE:
		x = math.Float64frombits(f.order.Uint64(body))
	case miINT64:
		x = float64(int64(f.order.Uint64(body)))
	case miUINT64:
		x = float64(f.order.Uint64(body))
	}
	if !(x >= 1 && x <= 1<<24) || x != math.Trunc(x) {
		return 0, fmt.Errorf("%v: want a whole number, 1 or more", x)
	}
	return int(x), nil
}

// chars reads a row of characters.
func (f matFile) chars(b []byte) (string, error) {
	m, err := f.array(b)
	if err != nil {
		return "", err
	}
	if m.class != mxCHAR || m.cells > matMaxStrings {
		return "", fmt.Errorf("%d elements of class %d: want at most %d characters (class %d)", m.cells, m.class, matMaxStrings, mxCHAR)
	}
	kind, body, _, err := f.element(m.rest)
	if err != nil {
		return "", err
	}
	switch kind {
	case miUINT16, miUTF16:
		units := make([]uint16, len(body)/2)
		for i := range units {
			units[i] = f.order.Uint16(body[2*i:])
		}
		return string(utf16.Decode(units)), nil
	case miINT8, miUINT8, miUTF8:
		return string(bytes.ToValidUTF8(body, []byte("?"))), nil
	}
	return "", fmt.Errorf("characters of type %d", kind)
}
