package layout

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf16"
)

// A synset is an entry of the devkit's meta.mat. Those with numbers up to 1000 are the classes; above them are the
// inner nodes of the tree.
type synset struct {
	id          int
	wnid, words string
}

// The MAT-file format, level 5, as far as meta.mat uses it: a header of 128 bytes, then little-endian elements, each a
// tag of two uint32 (type, bytes) and data that is padded to 8 bytes; small elements have type, size and data within 8
// bytes. A matrix is an element of elements: flags, dimensions, name, content; that of a struct array is the length of
// a field's name, the names, and the values as matrices, entry by entry. Source: MathWorks, "MAT-File Format", 2019.
const (
	miINT8, miUINT8, miUINT16, miDOUBLE     = 1, 2, 4, 9
	miMATRIX, miCOMPRESSED, miUTF8, miUTF16 = 14, 15, 16, 17

	mxSTRUCT = 2

	matMaxFields   = 64
	matMaxText     = 1 << 13  // bytes of one string
	matMaxNumber   = 1 << 24  // of a class
	matMaxInflated = 16 << 20 // what one file unpacks to
)

type element struct {
	kind uint32
	data []byte
}

var errCut = errors.New("ends within an element")

// elements splits data into them.
func elements(b []byte) (all []element, err error) {
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errCut
		}
		kind, at, size, room := binary.LittleEndian.Uint32(b), 8, int(binary.LittleEndian.Uint32(b[4:])), len(b)-8
		if small := int(kind >> 16); small != 0 {
			kind, at, size, room = kind&0xffff, 4, small, 4
		}
		if size > room {
			return nil, fmt.Errorf("%w of %d bytes, of which there are %d", errCut, size, room)
		}
		all = append(all, element{kind, b[at : at+size]})
		next := at + size
		if kind != miCOMPRESSED {
			next = min((next+7)&^7, len(b))
		}
		b = b[next:]
	}
	return all, nil
}

// readMeta reads the struct array synsets out of a MAT file.
func readMeta(data []byte) ([]synset, error) {
	if len(data) < 128 || string(data[124:128]) != "\x00\x01IM" {
		return nil, fmt.Errorf("%d bytes: want a little-endian MAT file of level 5, with 0, 1 and IM at the end of a header "+
			"of 128 bytes", len(data))
	}
	variables, err := elements(data[128:])
	left := matMaxInflated
	for i := 0; err == nil && i < len(variables); i++ {
		v, parts := variables[i], []element(nil)
		if v.kind == miCOMPRESSED {
			if v, err = inflate(v.data, left); err != nil {
				break
			}
			left -= len(v.data)
		}
		if v.kind == miMATRIX {
			parts, err = elements(v.data)
		}
		if len(parts) >= 5 && len(parts[0].data) > 0 && parts[0].data[0] == mxSTRUCT && string(parts[2].data) == "synsets" {
			return readSynsets(parts[3].data, parts[4].data, parts[5:])
		}
	}
	if err == nil {
		err = errors.New("no struct array synsets in it")
	}
	return nil, err
}

// inflate unpacks an element, to at most so many bytes.
func inflate(packed []byte, left int) (element, error) {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	var whole []byte
	if err == nil {
		whole, err = io.ReadAll(io.LimitReader(z, int64(left)+1))
	}
	if err == nil && len(whole) > left {
		err = fmt.Errorf("unpacks to more than %d MiB", matMaxInflated>>20)
	}
	if err != nil {
		return element{}, fmt.Errorf("compressed element: %w", err)
	}
	all, err := elements(whole)
	if err == nil && len(all) != 1 {
		err = errCut
	}
	if err != nil {
		return element{}, err
	}
	return all[0], nil
}

// readSynsets reads the entries, given the fields' names, which take length bytes each, and values.
func readSynsets(length, names []byte, values []element) ([]synset, error) {
	var fields []string
	if len(length) == 4 {
		width := max(int(binary.LittleEndian.Uint32(length)), 1)
		for name := range slices.Chunk(names[:min(len(names), matMaxFields*width)], width) {
			fields = append(fields, string(bytes.TrimRight(name, "\x00")))
		}
	}
	if len(fields) == 0 || len(values) == 0 || len(values)%len(fields) != 0 {
		return nil, fmt.Errorf("synsets has %d values for %d fields, want as many for each of at most %d", len(values),
			len(fields), matMaxFields)
	}
	var all []synset
	for row := range slices.Chunk(values, len(fields)) {
		var s synset
		for i, field := range fields {
			if err := s.set(field, row[i]); err != nil {
				return nil, fmt.Errorf("synsets(%d).%s: %w", len(all)+1, field, err)
			}
		}
		if s.id == 0 || s.wnid == "" {
			return nil, fmt.Errorf("synsets has the fields %q: want ILSVRC2012_ID and WNID among them", fields)
		}
		all = append(all, s)
	}
	return all, nil
}

// set reads a field that is wanted: a matrix of one number, or of characters.
func (s *synset) set(field string, value element) error {
	if field != "ILSVRC2012_ID" && field != "WNID" && field != "words" {
		return nil
	}
	parts, err := elements(value.data)
	if err != nil {
		return err
	}
	if value.kind != miMATRIX || len(parts) != 4 {
		return fmt.Errorf("element type %d of %d elements: want %d, a matrix, of 4", value.kind, len(parts), miMATRIX)
	}
	content := parts[3]
	switch field {
	case "ILSVRC2012_ID":
		s.id, err = content.number()
	case "words":
		s.words, err = content.text()
	default:
		if s.wnid, err = content.text(); err == nil && !isWNID(s.wnid) {
			err = fmt.Errorf("%.40q: want a WordNet ID such as n01440764", s.wnid)
		}
	}
	return err
}

func (e element) number() (int, error) {
	x := math.NaN()
	switch b := e.data; {
	case e.kind == miUINT8 && len(b) == 1:
		x = float64(b[0])
	case e.kind == miUINT16 && len(b) == 2:
		x = float64(binary.LittleEndian.Uint16(b))
	case e.kind == miDOUBLE && len(b) == 8:
		x = math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	if !(x >= 1 && x <= matMaxNumber) || x != math.Trunc(x) {
		return 0, fmt.Errorf("%v in %d bytes of type %d: want one whole number, 1 to %d", x, len(e.data), e.kind,
			matMaxNumber)
	}
	return int(x), nil
}

func (e element) text() (string, error) {
	switch {
	case len(e.data) > matMaxText:
		return "", fmt.Errorf("a text of %d bytes: want at most %d", len(e.data), matMaxText)
	case e.kind == miINT8 || e.kind == miUINT8 || e.kind == miUTF8:
		return string(bytes.ToValidUTF8(e.data, []byte("?"))), nil
	case e.kind == miUINT16 || e.kind == miUTF16:
		units := make([]uint16, len(e.data)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(e.data[2*i:])
		}
		return string(utf16.Decode(units)), nil
	}
	return "", fmt.Errorf("characters of type %d", e.kind)
}
