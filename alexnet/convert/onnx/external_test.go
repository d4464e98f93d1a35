package onnx_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/alexnet/convert/onnx"
)

// outside has an initializer's fields of data in another file: pairs of key and value.
func outside(pairs ...string) (b []byte) {
	for i := 0; i < len(pairs); i += 2 {
		b = append(b, message(13, text(1, pairs[i]), text(2, pairs[i+1]))...)
	}
	return append(b, number(14, 1)...)
}

// TestExternal: what is beside a model is read only from regular files of its own folder, and each byte once.
func TestExternal(t *testing.T) {
	folder := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(folder, "models"), 0o777))
	path := filepath.Join(folder, "models", "m.onnx")
	beside := filepath.Join(folder, "models", "data")
	must(os.WriteFile(beside, make([]byte, 20), 0o666))
	must(os.WriteFile(filepath.Join(folder, "secret"), make([]byte, 20), 0o666))
	must(os.Symlink("../secret", filepath.Join(folder, "models", "link")))
	must(os.Symlink("data", filepath.Join(folder, "models", "inner")))
	must(os.Mkdir(filepath.Join(folder, "models", "sub"), 0o777))
	must(os.WriteFile(filepath.Join(folder, "models", "huge"), nil, 0o666))
	must(os.Truncate(filepath.Join(folder, "models", "huge"), 3<<30))
	two := func(more ...[]byte) []byte { return tensor(fmt.Sprint(more), onnx.Float, []int64{2}, more...) }
	const only = "want the name of a file in the model's own folder"
	for _, c := range []struct {
		tensors []byte
		want    string // "" where it can be read
	}{
		{two(outside("location", "data", "offset", "4", "length", "8", "checksum", "x")), ""},
		{two(outside("location", "data", "offset", "12")), ""},
		{join(two(outside("location", "data", "offset", "0", "length", "8")),
			two(outside("location", "data", "offset", "8", "length", "8"))), ""},
		{join(two(outside("location", "data", "offset", "0", "length", "8")),
			two(outside("location", "data", "offset", "8", "length", "8")),
			two(outside("location", "data", "offset", "4", "length", "8"))), "tensors have more than its 20 bytes"},
		{two(outside()), `external data in "": ` + only},
		{two(outside("location", "..")), only},
		{two(outside("location", ".")), only},
		{two(outside("location", "../secret")), `external data in "../secret": ` + only},
		{two(outside("location", "sub/../data")), only},
		{two(outside("location", "./data")), only},
		{two(outside("location", filepath.Join(folder, "secret"))), only},
		{two(outside("location", beside)), only},
		{two(outside("location", `..\secret`)), only},
		{two(outside("location", `C:secret`)), only},
		{two(outside("location", "data\x00")), only},
		{two(outside("location", "a\nb")), `external data in "a\nb": ` + only},
		{two(outside("location", strings.Repeat("x", 10000))), "file name too long"},
		{two(outside("location", "link")), "want the file itself"},
		{two(outside("location", "inner")), "want the file itself"},
		{two(outside("location", "sub")), "want the file itself"},
		{two(outside("location", "none")), "no such file beside the model"},
		{two(outside("location", "huge")), "3221225472 bytes, and protobuf allows"},
		{two(outside("location", "data")), "shape [2] of float needs 8 bytes, there are 20"},
		{two(outside("location", "data", "length", "7")), "needs 8 bytes, there are 7"},
		{two(outside("location", "data", "offset", "13", "length", "8")), "bytes 13 to 21 of 20"},
		{two(outside("location", "data", "offset", "21", "length", "8")), "begins at byte 21 of 20"},
		{two(outside("location", "data", "offset", "9223372036854775807", "length", "8")), "begins at byte 92233"},
		{two(outside("location", "data", "offset", "9223372036854775808")), "offset \"9223372036854775808\" is no number"},
		{two(outside("location", "data", "offset", "-4")), "is no number of bytes"},
		{two(outside("location", "data", "length", "0x8")), "is no number of bytes"},
		{two(outside("location", "data", "length", "\n")), `length "\n" is no number of bytes`},
		{two(outside("location", "data", "offset", "12"), raw(8)), "its numbers are there twice"},
		{tensor("w", onnx.Float, []int64{1 << 28, 1 << 28}, outside("location", "data")), "larger than a file can be"},
		{tensor("w", onnx.Float, []int64{1 << 30}, outside("location", "data")), "needs 4294967296 bytes, there are 20"},
		{tensor("w", onnx.Float, []int64{1 << 30}, outside("location", "data", "length", "4294967296")),
			"bytes 0 to 4294967296 of 20"},
	} {
		must(os.WriteFile(path, model(c.tensors), 0o666))
		_, err := onnx.Read(path)
		if c.want != "" {
			oneLine(t, err, path, c.want)
		} else if err != nil {
			t.Error(err)
		}
	}
}

// TestPieces: numbers of another file are read in pieces.
func TestPieces(t *testing.T) {
	path := write(t, weight(onnx.Float16, []int64{3, 1 << 19}, outside("location", "data", "offset", "2")))
	data := make([]byte, 2+3<<20)
	for i := range data {
		data[i] = byte(i % 251)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "data"), data, 0o666); err != nil {
		t.Fatal(err)
	}
	got := read(t, path).Graph.Initializers[0]
	whole := read(t, write(t, weight(onnx.Float16, []int64{3, 1 << 19}, message(9, data[2:])))).Graph.Initializers[0]
	for i := range whole.Data {
		if got.Data[i] != whole.Data[i] && whole.Data[i] == whole.Data[i] {
			t.Fatalf("number %d: %v, want %v", i, got.Data[i], whole.Data[i])
		}
	}
}
