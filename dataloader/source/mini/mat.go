package mini

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
)

// A Synset is an entry of meta.mat.
type Synset struct {
	ID       int
	WNID     string
	Words    string
	Children []int // of inner nodes
}

// MAT is a MAT-file of level 5, little-endian, with the struct array synsets, beside another variable as in the real
// file's family. Source: MathWorks, "MAT-File Format", 2019.
func MAT(synsets []Synset, compressed bool) []byte {
	b := fmt.Appendf(nil, "%-116s", "MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Sat Jun 16 11:15:04 2012")
	b = append(b, make([]byte, 8)...)
	b = append(b, 0x00, 0x01, 'I', 'M')
	for _, variable := range [][]byte{matrix(numbers("version", 1)), matrix(structs(synsets))} {
		if !compressed {
			b = append(b, variable...)
			continue
		}
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		w.Write(variable) // a buffer takes everything
		w.Close()
		b = binary.LittleEndian.AppendUint32(b, 15)
		b = binary.LittleEndian.AppendUint32(b, uint32(z.Len()))
		b = append(b, z.Bytes()...) // not padded
	}
	return b
}

// element is a tag and its data, within 8 bytes when it is small.
func element(kind int, data []byte) []byte {
	var b []byte
	if n := len(data); n > 0 && n <= 4 {
		b = binary.LittleEndian.AppendUint32(b, uint32(n<<16|kind))
		return append(append(b, data...), make([]byte, 4-n)...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, data...)
	return append(b, make([]byte, (8-len(b)%8)%8)...)
}

func matrix(content []byte) []byte { return element(14, content) }

// head is the flags, dimensions and name of a matrix of class.
func head(class, rows, columns int, name string) []byte {
	b := element(6, binary.LittleEndian.AppendUint64(nil, uint64(class)))
	dims := binary.LittleEndian.AppendUint32(nil, uint32(rows))
	b = append(b, element(5, binary.LittleEndian.AppendUint32(dims, uint32(columns)))...)
	return append(b, element(1, []byte(name))...)
}

// numbers is a row of doubles, kept as bytes or as uint16 where they fit.
func numbers(name string, values ...int) []byte {
	b := head(6, min(len(values), 1), len(values), name)
	kind, data := 2, []byte{}
	for _, v := range values {
		if v > 255 {
			kind = 4
		}
		if v > 65535 {
			kind = 9
			break
		}
	}
	for _, v := range values {
		switch kind {
		case 2:
			data = append(data, byte(v))
		case 4:
			data = binary.LittleEndian.AppendUint16(data, uint16(v))
		default:
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(float64(v)))
		}
	}
	return append(b, element(kind, data)...)
}

// chars is a row of characters.
func chars(s string) []byte {
	var data []byte
	for _, r := range s {
		data = binary.LittleEndian.AppendUint16(data, uint16(r))
	}
	return append(head(4, 1, len(data)/2, ""), element(4, data)...)
}

// structs is the struct array, n by 1, with the fields of the real one.
func structs(synsets []Synset) []byte {
	const width = 32
	fields := []string{"ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height",
		"num_train_images"}
	b := append(head(2, len(synsets), 1, "synsets"), element(5, []byte{width, 0, 0, 0})...)
	var names []byte
	for _, f := range fields {
		names = append(append(names, f...), make([]byte, width-len(f))...)
	}
	b = append(b, element(1, names)...)
	for _, s := range synsets {
		for _, content := range [][]byte{numbers("", s.ID), chars(s.WNID), chars(s.Words), chars("a gloss of " + s.Words),
			numbers("", len(s.Children)), numbers("", s.Children...), numbers("", 0), numbers("", 1300)} {
			b = append(b, matrix(content)...)
		}
	}
	return b
}
