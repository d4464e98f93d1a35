package layout

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

// The MAT-file format, level 5: a header of 128 bytes, then elements, each a tag of two uint32 (type, bytes) and data
// that is padded to 8 bytes; small elements have type, size and data within 8 bytes. Source: MathWorks, "MAT-File
// Format", 2019.
const (
	miINT8, miUINT8, miINT16, miUINT16, miINT32, miUINT32 = 1, 2, 3, 4, 5, 6
	miSINGLE, miDOUBLE, miINT64, miUINT64                 = 7, 9, 12, 13
	miMATRIX, miCOMPRESSED, miUTF8, miUTF16               = 14, 15, 16, 17

	mxSTRUCT, mxCHAR = 2, 4

	matHeader      = 128
	matMaxCells    = 1 << 16
	matMaxFields   = 64
	matMaxChars    = 1 << 12  // of one string
	matMaxInflated = 64 << 20 // what one file unpacks to
)

// A mat reads elements from rest, until one is at fault: then it gives empty ones.
type mat struct {
	order binary.ByteOrder
	rest  []byte
	err   error
}

func (m *mat) fail(format string, values ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(format, values...)
	}
}

// readMeta reads the struct array synsets out of a MAT file.
func readMeta(data []byte) ([]synset, error) {
	if len(data) < matHeader {
		return nil, fmt.Errorf("%d bytes: a MAT file of level 5 has at least %d", len(data), matHeader)
	}
	m := &mat{order: binary.LittleEndian, rest: data[matHeader:]}
	switch mark := string(data[126:128]); mark {
	case "IM":
	case "MI":
		m.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("byte order %q: want a MAT file of level 5, which says IM or MI", mark)
	}
	if version := m.order.Uint16(data[124:]); version != 0x100 {
		return nil, fmt.Errorf("version %#x: want a MAT file of level 5, which is 0x100", version)
	}
	for left := matMaxInflated; len(m.rest) > 0; {
		in := m
		kind, body := m.element()
		if kind == miCOMPRESSED {
			whole, err := inflate(body, left)
			if err != nil {
				return nil, err
			}
			left -= len(whole)
			in = &mat{order: m.order, rest: whole}
			kind, body = in.element()
		}
		if in.err != nil {
			return nil, in.err
		}
		if kind == miMATRIX {
			in = &mat{order: m.order, rest: body}
			if synsets := in.synsets(); synsets != nil || in.err != nil {
				return synsets, in.err
			}
		}
	}
	return nil, errors.New("no struct array synsets in it")
}

// inflate unpacks to at most so many bytes.
func inflate(body []byte, left int) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(body))
	var whole []byte
	if err == nil {
		whole, err = io.ReadAll(io.LimitReader(z, int64(left)+1))
	}
	if err != nil {
		return nil, fmt.Errorf("compressed element: %w", err)
	}
	if len(whole) > left {
		return nil, fmt.Errorf("unpacks to more than %d MiB", matMaxInflated>>20)
	}
	return whole, nil
}

// element splits the first element off.
func (m *mat) element() (kind uint32, body []byte) {
	const ends = "ends within an element"
	b := m.rest
	m.rest = nil
	if len(b) < 8 {
		m.fail(ends)
		return 0, nil
	}
	kind = m.order.Uint32(b)
	if size := kind >> 16; size > 4 {
		m.fail("a small element of %d bytes: want at most 4", size)
		return 0, nil
	} else if size != 0 {
		m.rest = b[8:]
		return kind & 0xffff, b[4 : 4+size]
	}
	size := uint64(m.order.Uint32(b[4:]))
	if size > uint64(len(b)-8) {
		m.fail(ends)
		return 0, nil
	}
	padded := size
	if kind != miCOMPRESSED {
		padded = min((size+7)&^7, uint64(len(b)-8))
	}
	m.rest = b[8+padded:]
	return kind, b[8 : 8+size]
}

// word is the first number of an element of uint32.
func (m *mat) word() uint32 {
	if _, body := m.element(); len(body) >= 4 {
		return m.order.Uint32(body)
	}
	m.fail("ends within an element")
	return 0
}

// array reads the head of a matrix; what follows are the elements of its content.
func (m *mat) array() (class uint32, cells int, name string) {
	class = m.word() & 0xff
	_, dims := m.element()
	cells = 1
	for ; len(dims) >= 4; dims = dims[4:] {
		n := m.order.Uint32(dims)
		if n > matMaxCells || cells*int(n) > matMaxCells {
			m.fail("an array of more than %d elements", matMaxCells)
			return 0, 0, ""
		}
		cells *= int(n)
	}
	_, body := m.element()
	return class, cells, string(body)
}

// synsets reads the matrix when it is the struct array of that name; else it gives nil.
func (m *mat) synsets() []synset {
	class, cells, name := m.array()
	if m.err != nil || class != mxSTRUCT || name != "synsets" {
		return nil
	}
	width := int(m.word())
	_, names := m.element()
	if m.err == nil && (width < 1 || width > 1<<10 || len(names)%width != 0 || len(names)/width > matMaxFields) {
		m.fail("synsets: field names of %d bytes in all, %d each", len(names), width)
	}
	if m.err != nil {
		return nil
	}
	var fields []string
	has := map[string]bool{}
	for ; len(names) > 0; names = names[width:] {
		name := string(bytes.TrimRight(names[:width], "\x00"))
		fields, has[name] = append(fields, name), true
	}
	if !has["ILSVRC2012_ID"] || !has["WNID"] || !has["words"] {
		m.fail("synsets has the fields %q: want ILSVRC2012_ID, WNID and words among them", fields)
	} else if cells == 0 {
		m.fail("synsets is empty")
	}
	if m.err != nil {
		return nil
	}
	all := make([]synset, cells)
	for i := range all {
		for _, field := range fields {
			m.field(&all[i], field)
			if m.err != nil {
				m.err = fmt.Errorf("synsets(%d).%s: %w", i+1, field, m.err)
				return nil
			}
		}
	}
	return all
}

// field reads a field of an entry: an array of one number, or of characters.
func (m *mat) field(s *synset, name string) {
	kind, body := m.element()
	if kind != miMATRIX {
		m.fail("element type %d: want %d, a matrix", kind, miMATRIX)
		return
	}
	in := &mat{order: m.order, rest: body}
	class, cells, _ := in.array()
	kind, body = in.element()
	switch name {
	case "ILSVRC2012_ID":
		s.id = in.number(kind, cells, body)
	case "WNID":
		if s.wnid = in.chars(class, kind, cells, body); !isWNID(s.wnid) {
			in.fail("%.40q: want a WordNet ID such as n01440764", s.wnid)
		}
	case "words":
		s.words = in.chars(class, kind, cells, body)
	default:
		return
	}
	m.err = in.err
}

// numbers read the types of numbers.
var numbers = map[uint32]func(b []byte, order binary.ByteOrder) (x float64, whole bool){
	miINT8: decode[int8], miINT16: decode[int16], miINT32: decode[int32], miINT64: decode[int64],
	miUINT8: decode[uint8], miUINT16: decode[uint16], miUINT32: decode[uint32], miUINT64: decode[uint64],
	miSINGLE: decode[float32], miDOUBLE: decode[float64],
}

func decode[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64](b []byte,
	order binary.ByteOrder) (float64, bool) {
	var x T
	n, err := binary.Decode(b, order, &x)
	return float64(x), err == nil && n == len(b)
}

// number is what must be one positive whole number.
func (m *mat) number(kind uint32, cells int, body []byte) int {
	read := numbers[kind]
	if read == nil || cells != 1 {
		read = func([]byte, binary.ByteOrder) (float64, bool) { return 0, false }
	}
	x, whole := read(body, m.order)
	if !whole {
		m.fail("%d elements in %d bytes of type %d: want one number", cells, len(body), kind)
	} else if !(x >= 1 && x <= 1<<24) || x != math.Trunc(x) {
		m.fail("%v: want a whole number, 1 or more", x)
	}
	return int(x)
}

// chars is what must be a row of characters.
func (m *mat) chars(class, kind uint32, cells int, body []byte) string {
	switch {
	case class != mxCHAR || cells > matMaxChars:
		m.fail("%d elements of class %d: want at most %d characters (class %d)", cells, class, matMaxChars, mxCHAR)
	case kind == miUINT16 || kind == miUTF16:
		units := make([]uint16, len(body)/2)
		for i := range units {
			units[i] = m.order.Uint16(body[2*i:])
		}
		return string(utf16.Decode(units))
	case kind == miINT8 || kind == miUINT8 || kind == miUTF8:
		return string(bytes.ToValidUTF8(body, []byte("?")))
	}
	m.fail("characters of type %d", kind)
	return ""
}
