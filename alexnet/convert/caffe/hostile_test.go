package caffe_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/alexnet/convert/caffe"
)

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func message(field protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), b)
}

func number(field protowire.Number, x uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), x)
}

func float(field protowire.Number, x float32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, field, protowire.Fixed32Type), math.Float32bits(x))
}

// varints is a field of packed integers.
func varints(field protowire.Number, all ...uint64) []byte {
	var b []byte
	for _, x := range all {
		b = protowire.AppendVarint(b, x)
	}
	return message(field, b)
}

func packed(all ...float32) (b []byte) {
	for _, x := range all {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func doubles(all ...float64) (b []byte) {
	for _, x := range all {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// oldBlob is a sound blob of the older form.
func oldBlob(dims ...uint64) (b []byte) {
	n := uint64(1)
	for i, d := range dims {
		b = append(b, number(protowire.Number(1+i), d)...)
		n *= d
	}
	return append(b, message(5, make([]byte, 4*n))...)
}

// newBlob has a shape and n numbers.
func newBlob(n int, dims ...uint64) []byte {
	return join(message(7, varints(1, dims...)), message(5, make([]byte, 4*n)))
}

// oldLayer is a file with one layer.
func oldLayer(kind uint64, blobs ...[]byte) []byte {
	b := join(message(4, []byte("l")), number(5, kind))
	for _, x := range blobs {
		b = append(b, message(6, x)...)
	}
	return message(2, b)
}

func newLayer(name, kind string, blobs ...[]byte) []byte {
	b := join(message(1, []byte(name)), message(2, []byte(kind)))
	for _, x := range blobs {
		b = append(b, message(7, x)...)
	}
	return message(100, b)
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHostile has files that lie; the errors are one line, which names the file and what is wrong.
func TestHostile(t *testing.T) {
	sound := newLayer("conv1", "Convolution", newBlob(4, 1, 1, 2, 2), newBlob(1, 1))
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "an empty file"},
		{"cut in the data", sound[:len(sound)-9], "field 100: cut short"},
		{"a length beyond the file", []byte{0xa2, 0x06, 0xff, 0xff, 0xff, 0xff, 0x0f}, "field 100: cut short"},
		{"a length of 2^63", append([]byte{0xa2, 0x06}, bytes.Repeat([]byte{0xff}, 10)...), "field 100: not as protobuf"},
		{"field 0", []byte{0x00, 0x01}, "not as protobuf"},
		{"groups in groups", bytes.Repeat([]byte{0x0b}, 1<<20), "field 1 is a group"},
		{"messages in messages", nested(100), "without weights"},
		{"no layer", message(1, []byte("net")), "a network of 0 layers without weights"},
		{"no weights", newLayer("relu1", "ReLU"), "a network of 1 layers without weights"},
		{"both forms", join(sound, oldLayer(4, oldBlob(1, 1, 2, 2))), "1 layers of the old form and 1 of the new one"},
		{"of 2012", message(2, message(1, []byte("x"))), "upgrade_net_proto_binary"},
		{"twice", join(sound, sound), `blob "conv1.weight" is there twice`},
		{"layer of another kind", number(100, 7), `not a caffemodel: layer 0 "": field 100 is an integer, want bytes`},
		{"fewer numbers", newLayer("a", "Scale", newBlob(3, 4)), "shape [4] needs 4 numbers, the file has 3"},
		{"more numbers", newLayer("a", "Scale", newBlob(5, 4)), "shape [4] needs 4 numbers, the file has 5"},
		{"negative", newLayer("a", "Scale", newBlob(1, math.MaxUint64)), "shape [-1] is none"},
		{"negative twice", newLayer("a", "Scale", newBlob(4, math.MaxUint64-1, math.MaxUint64-1)), "shape [-2 -2] is none"},
		{"overflow", newLayer("a", "Scale", newBlob(0, 1<<16, 1<<16, 1<<16, 1<<16)), "larger than a file can be"},
		{"overflow of an int", newLayer("a", "Scale", newBlob(0, 1<<62, 4)), "larger than a file can be"},
		{"none, and huge", newLayer("a", "Scale", newBlob(0, 0, 1<<62)), "larger than a file can be"},
		{"33 dimensions", newLayer("a", "Scale", newBlob(1, slices.Repeat([]uint64{1}, 33)...)), "33 dimensions"},
		{"a million dimensions", newLayer("a", "Scale", newBlob(1, make([]uint64, 1<<20)...)), "1048576 dimensions"},
		{"old negative", oldLayer(4, join(number(1, math.MaxUint64), message(5, nil))), "shape [-1 0 0 0] is none"},
		{"old one of four", oldLayer(4, join(number(2, 3), message(5, make([]byte, 12)))),
			"shape [0 3 0 0] needs 0 numbers, the file has 3"},
		{"half a number", newLayer("a", "Scale", message(5, make([]byte, 5))), "5 bytes are no whole number of floats"},
		{"half a double", newLayer("a", "Scale", message(8, make([]byte, 12))), "12 bytes are no whole number of doubles"},
		{"dimension cut short", newLayer("a", "Scale", message(7, message(1, []byte{0x80}))), "byte 0 of 1: cut short"},
		{"numbers as text", newLayer("a", "Scale", number(5, 1)), "field 5 is an integer, want 4 bytes"},
		{"inner product of three", newLayer("f", "InnerProduct", newBlob(8, 2, 2, 2)),
			`"f.weight" of shape [2 2 2], want [out, in]`},
		{"inner product of one", newLayer("f", "InnerProduct", newBlob(2, 2)), "want [out, in]"},
		{"bias of two", newLayer("c", "Convolution", newBlob(1, 1, 1, 1, 1), newBlob(4, 2, 2)),
			`"c.bias" of shape [2 2], want [out]`},
		{"convolution of two", newLayer("c", "Convolution", newBlob(1, 1, 1)), "want [out, in/group, height, width]"},
		{"third blob", newLayer("c", "Convolution", newBlob(1, 1, 1, 1, 1), newBlob(1, 1), newBlob(1, 1)), "which has two"},
		{"transposed", message(100, join(message(2, []byte("InnerProduct")), message(117, number(6, 1)),
			message(7, newBlob(6, 2, 3)))), "transpose"},
		{"name of two lines", newLayer("a\nb\x1b[31m"+strings.Repeat("x", 1000), "Scale", newBlob(3, 4)),
			`"a\nb\x1b[31mx`},
		{"two million layers", bytes.Repeat(message(100, nil), 2<<20), "more than 1048576 messages"},
		{"half a million blobs", message(100, bytes.Repeat(message(7, message(7, varints(1, 0))), 1<<19)),
			"more than 1048576 messages"},
		{"prototxt", []byte("# a comment\nname: \"AlexNet\"\nlayer {\n  name: \"data\"\n}\n"),
			"not a caffemodel but a prototxt, which has the network without its weights"},
		{"old prototxt", []byte("name: \"AlexNet\"\nlayers {\n  name: \"data\"\n}\n"), "a prototxt"},
		{"another text", []byte("base_lr: 0.01\n"), "not a caffemodel but a text"},
		{"HDF5", []byte("\x89HDF\r\n\x1a\n\x00\x00\x00\x00"), "an HDF5 file: want the network"},
		{"pickle", []byte("\x80\x02}q\x00."), "a Python pickle"},
		{"safetensors", []byte("\x08\x00\x00\x00\x00\x00\x00\x00{}      "), "a safetensors file"},
		{"a mean", oldBlob(1, 3, 2, 2), "not a caffemodel but a blob"},
		{"an ONNX model", []byte("\x08\x07\x12\x07pytorch\x3a\x00"), "not a caffemodel: field 1 is an integer, want bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.file)
			_, err := caffe.Read(path)
			oneLine(t, err, path, c.want)
		})
	}
	if _, err := caffe.Read(write(t, sound)); err != nil {
		t.Errorf("the sound file of this test: %v", err)
	}
}

// nested is a message of one field, in a message of that field, and so on.
func nested(field protowire.Number) []byte {
	var b []byte
	for range 2000 {
		b = message(field, b)
	}
	return b
}

func TestHostileMean(t *testing.T) {
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "an empty file"},
		{"cut", oldBlob(1, 3, 2, 2)[:30], "field 5: cut short"},
		{"two images", oldBlob(2, 3, 2, 2), "a blob of shape [2 3 2 2], want [channels, height, width]"},
		{"flat", newBlob(6, 2, 3), "a blob of shape [2 3], want"},
		{"nothing in it", oldBlob(1, 3, 0, 2), "a blob of shape [1 3 0 2]"},
		{"no dimensions", message(5, make([]byte, 12)), "shape [] needs 1 numbers, the file has 3"},
		{"a network", newLayer("a", "Scale", newBlob(1, 1)), "not a mean but a network"},
		{"a picture", []byte("\x89PNG\r\n\x1a\n"), "not a mean but a PNG picture"},
		{"a NumPy array", []byte("\x93NUMPY\x01\x00v\x00{'descr': '<f4'"), "a NumPy array (.npy)"},
		{"overflow", newBlob(0, 1<<31, 1<<31, 1<<31), "larger than a file can be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.file)
			_, err := caffe.ReadMean(path)
			oneLine(t, err, path, c.want)
		})
	}
}

// oneLine checks an error that is not long, too.
func oneLine(t *testing.T, err error, path, want string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), "caffe: ") || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") ||
		len(err.Error()) > len(path)+400 {
		t.Errorf("error %v, want one line with the path and %q", err, want)
	}
}

// TestCutShort ends every file of testdata after every byte.
func TestCutShort(t *testing.T) {
	for file, read := range map[string]func(path string) error{
		"new.caffemodel":   func(path string) error { _, err := caffe.Read(path); return err },
		"old.caffemodel":   func(path string) error { _, err := caffe.Read(path); return err },
		"mean.binaryproto": func(path string) error { _, err := caffe.ReadMean(path); return err },
	} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, b)
		for n := len(b) - 1; n >= 0; n-- {
			if err := os.Truncate(path, int64(n)); err != nil {
				t.Fatal(err)
			}
			// Between two layers a file may end.
			if err := read(path); err != nil && strings.Contains(err.Error(), "\n") || err == nil && file[0] == 'm' {
				t.Fatalf("%s, %d bytes: %v", file, n, err)
			}
		}
	}
}
