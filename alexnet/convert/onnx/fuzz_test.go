package onnx_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/alexnet/convert/onnx"
)

// FuzzONNX feeds arbitrary models to Read, with a file of 20 bytes beside them. It must not crash, and not take memory
// that the files' sizes do not justify. What can be written of what was read has the same bytes once more after it was
// read again.
func FuzzONNX(f *testing.F) {
	for _, file := range []string{"small.onnx", "beside.onnx"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add(written(f, small()))
	f.Add(model(tensor("w", onnx.Float, []int64{2}, outside("location", "data", "offset", "4", "length", "8")),
		tensor("v", onnx.BFloat16, []int64{5}, outside("location", "data", "offset", "10"))))
	f.Add(weight(onnx.Float16, []int64{2}, packed(5, 1, 2)))
	f.Fuzz(func(t *testing.T, file []byte) {
		path := write(t, file)
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "data"), make([]byte, 20), 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Read(path)
		if err != nil {
			if s := err.Error(); strings.ContainsAny(s, "\n\r\x1b") {
				t.Fatalf("an error of several lines: %q", s)
			}
			return
		}
		numbers := 0
		for _, x := range m.Graph.Constants() {
			n := 1
			for _, d := range x.Shape {
				n *= d
			}
			if n != len(x.Data)+len(x.Ints) {
				t.Fatalf("%d and %d numbers of shape %v", len(x.Data), len(x.Ints), x.Shape)
			}
			numbers += n
		}
		if numbers > len(file)+20 {
			t.Fatalf("%d numbers from a file of %d bytes", numbers, len(file))
		}
		var first bytes.Buffer
		if m.Write(&first) != nil {
			return
		}
		if second := written(t, read(t, write(t, first.Bytes()))); !bytes.Equal(first.Bytes(), second) {
			t.Fatalf("%q is written as %q", first.Bytes(), second)
		}
	})
}
