package onnx_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/alexnet/convert/onnx"
)

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func message(field protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), slices.Concat(parts...))
}

func text(field protowire.Number, s string) []byte { return message(field, []byte(s)) }

func number(field protowire.Number, x int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), uint64(x))
}

// packed is a field of packed integers.
func packed(field protowire.Number, all ...int64) []byte {
	var b []byte
	for _, x := range all {
		b = protowire.AppendVarint(b, uint64(x))
	}
	return message(field, b)
}

// model is a file with these fields of a graph.
func model(graph ...[]byte) []byte {
	return join(number(1, 7), message(7, graph...), message(8, number(2, 13)))
}

// weight is a model with an initializer w of a type and shape, and more fields of it.
func weight(kind onnx.Type, shape []int64, more ...[]byte) []byte {
	return model(tensor("w", kind, shape, more...))
}

func tensor(name string, kind onnx.Type, shape []int64, more ...[]byte) []byte {
	return message(5, packed(1, shape...), number(2, int64(kind)), text(8, name), join(more...))
}

func raw(n int) []byte { return message(9, make([]byte, n)) }

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// oneLine checks an error that is not long, too.
func oneLine(t *testing.T, err error, path, want string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), "onnx: ") || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") ||
		len(err.Error()) > len(path)+400 {
		t.Errorf("error %v, want one line with the path and %q", err, want)
	}
}

// TestHostile has files that lie.
func TestHostile(t *testing.T) {
	two := []int64{2}
	sound := weight(onnx.Float, two, raw(8))
	node := func(more ...[]byte) []byte { return model(message(1, text(3, "n"), text(4, "Op"), join(more...))) }
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "an empty file"},
		{"cut in the data", sound[:len(sound)-9], "field 7: cut short"},
		{"no graph", number(1, 7), "0 graphs, want one"},
		{"two graphs", join(sound, message(7)), "2 graphs, want one"},
		{"graph of another kind", number(7, 1), "not an ONNX model: field 7 is an integer, want bytes"},
		{"groups in groups", bytes.Repeat([]byte{0x0b}, 1<<20), "field 1 is a group"},
		{"graphs in graphs", join(number(1, 7), nested(7, 2000)), "1 graphs"},
		{"raw too short", weight(onnx.Float, two, raw(7)), "shape [2] of float needs 8 bytes, raw_data has 7"},
		{"raw too long", weight(onnx.Float16, two, raw(5)), "shape [2] of float16 needs 4 bytes, raw_data has 5"},
		{"list too short", weight(onnx.Float, two, message(4, make([]byte, 4))),
			"shape [2] of float needs 2 numbers, the file has 1 of them and 0 of other types"},
		{"list too long", weight(onnx.Int64, two, packed(7, 1, 2, 3)), "needs 2 numbers, the file has 3 of them"},
		{"list of another type", weight(onnx.Int64, two, packed(5, 1, 2)), "has 0 of them and 2 of other types"},
		{"two lists", weight(onnx.Float, two, message(4, make([]byte, 8)), packed(7, 1)), "has 2 of them and 1 of other"},
		{"list and raw", weight(onnx.Float, two, raw(8), message(4, make([]byte, 8))), "its numbers are there twice"},
		{"nothing", weight(onnx.Double, two), "needs 2 numbers, the file has 0"},
		{"half a float", weight(onnx.Float, two, message(4, make([]byte, 6))), "6 bytes are no whole number of floats"},
		{"half a varint", weight(onnx.Int64, two, message(7, []byte{1, 0x80})), "byte 1 of 2: cut short"},
		{"a packed list beyond the file", weight(onnx.Float, two, []byte{0x22, 0xff, 0xff, 0xff, 0xff, 0x07}), "cut short"},
		{"negative", weight(onnx.Float, []int64{-2}, raw(8)), "shape [-2] is none"},
		{"negative twice", weight(onnx.Float, []int64{-2, -1}, raw(8)), "shape [-2 -1] is none"},
		{"overflow", weight(onnx.Float, []int64{1 << 32, 1 << 32}, raw(0)), "larger than a file can be"},
		{"overflow to a small one", weight(onnx.Float, []int64{1 << 62, 4, 2}, raw(8)), "larger than a file can be"},
		{"overflow with the size", weight(onnx.Double, []int64{1<<31 - 1}, raw(8)), "needs 17179869176 bytes"},
		{"none, and huge", weight(onnx.Float, []int64{0, math.MaxInt64}, raw(0)), "larger than a file can be"},
		{"a million dimensions", weight(onnx.Float, make([]int64, 1<<20), raw(0)), "1048576 dimensions"},
		{"no type", weight(0, two, raw(8)), "elements of type 0, can read float"},
		{"type of text", weight(8, two, raw(8)), "elements of string, can read float"},
		{"type of the future", weight(99, two, raw(8)), "elements of type 99"},
		{"type beyond an int", model(message(5, number(2, 1<<40))), "element type 1099511627776"},
		{"int32 of 33 bits", weight(onnx.Int32, two, packed(5, 1, 1<<32)), "4294967296 among numbers of int32"},
		{"float16 of 17 bits", weight(onnx.Float16, two, packed(5, 1, 1<<16)), "65536 among numbers of float16"},
		{"negative bits", weight(onnx.BFloat16, two, packed(5, 1, -1)), "-1 among numbers of bfloat16"},
		{"truth of 2", weight(onnx.Bool, two, packed(5, 1, 2)), "2 among numbers of bool"},
		{"a segment", weight(onnx.Float, two, raw(8), message(3)), "segments are not read"},
		{"no name", model(tensor("", onnx.Float, two, raw(8))), "initializer 0 has no name"},
		{"twice", model(tensor("w", onnx.Float, two, raw(8)), tensor("w", onnx.Float, two, raw(8))),
			`initializer "w" is there twice`},
		{"sparse", model(message(15)), "sparse initializers are not read"},
		{"name of two lines", model(tensor("a\nb\x1b[31m"+strings.Repeat("x", 1000), onnx.Float, two)),
			`initializer 0 "a\nb\x1b[31mx`},
		{"node without a type", model(message(1, text(3, "n"))), `node 0 "n": of no type`},
		{"attribute of a function", node(message(5, text(1, "a"), text(21, "b"))), `attribute "a": of a function`},
		{"attribute without its tensor", node(message(5, text(1, "a"), number(20, 4))), "a tensor that is not there"},
		{"attribute with a bad tensor", node(message(5, text(1, "a"), message(5, packed(1, 3), number(2, 1)))),
			`node 0 "n": attribute "a": shape [3] of float needs 3 numbers`},
		{"attribute of another kind", node(message(5, text(1, "a"), text(3, "x"))), "field 3 is bytes, want an integer"},
		{"input of size -2", model(message(11, text(1, "x"), input(message(1, number(1, -2))))),
			`input 0 "x": dimension of size -2`},
		{"input of 33 dimensions", model(message(11, input(bytes.Repeat(message(1), 33)))), "more than 32 dimensions"},
		{"input of type -1", model(message(12, message(2, message(1, number(1, -1))))), `output 0 "": element type -1`},
		{"two million nodes", model(bytes.Repeat(message(1, text(4, "a")), 1<<20)), "more than 1048576 messages"},
		{"two million names", node(bytes.Repeat(text(1, ""), 2<<20)), "more than 1048576 messages"},
		{"text", []byte("ir_version: 7\ngraph {\n}\n"), "not an ONNX model but a text"},
		{"pickle", []byte("PK\x03\x04\x00\x00"), "torch.save"},
		{"a caffemodel", join(text(1, "net"), message(100)), "not an ONNX model: field 1 is bytes, want an integer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.file)
			_, err := onnx.Read(path)
			if c.want == "1 graphs" { // in which nothing is read
				if err != nil {
					t.Error(err)
				}
				return
			}
			oneLine(t, err, path, c.want)
		})
	}
	read(t, write(t, sound))
}

// input is a value's type: a tensor with these dimensions.
func input(dims []byte) []byte { return message(2, message(1, number(1, 1), message(2, dims))) }

func nested(field protowire.Number, depth int) []byte {
	var b []byte
	for range depth {
		b = message(field, b)
	}
	return b
}

// TestLists: numbers one by one and in pieces, attributes without a type, as in files of IR 2.
func TestLists(t *testing.T) {
	one := protowire.AppendFixed32(protowire.AppendTag(nil, 4, protowire.Fixed32Type), math.Float32bits(1))
	floats := read(t, write(t, weight(onnx.Float, []int64{3}, one, message(4, make([]byte, 4)), one)))
	ints := read(t, write(t, model(tensor("w", onnx.Int64, nil, number(1, 1), number(1, 3), number(7, 5),
		packed(7, 6, -7)))))
	if w := floats.Graph.Initializers[0]; !slices.Equal(w.Data, []float32{1, 0, 1}) {
		t.Error(w)
	}
	if w := ints.Graph.Initializers[0]; !slices.Equal(w.Ints, []int64{5, 6, -7}) || !slices.Equal(w.Shape, []int{1, 3}) {
		t.Error(w)
	}
	old := read(t, write(t, model(message(1, text(4, "Op"), message(5, text(1, "a"), packed(8, 3, 4)),
		message(5, text(1, "b"), text(4, "x")), message(5, text(1, "none"))))))
	n := old.Graph.Nodes[0]
	if a, ok := n.Attribute("a").([]int64); !ok || !slices.Equal(a, []int64{3, 4}) || n.Attribute("b") != "x" ||
		n.Attribute("none") != onnx.Unread(0) {
		t.Error(n)
	}
}

// TestCutShort ends a model after every byte.
func TestCutShort(t *testing.T) {
	b, err := os.ReadFile("testdata/small.onnx")
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, b)
	for n := len(b) - 1; n > 0; n-- {
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := onnx.Read(path); err != nil && strings.Contains(err.Error(), "\n") ||
			err == nil && n < len(b)/2 { // the graph is most of it
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}
