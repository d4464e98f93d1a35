package caffe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"duet/alexnet/convert/caffe"
	"duet/engine/checkpoint"
)

// tensor is one of testdata, which bench/convert/fixtures.py made with Caffe's own caffe.proto.
func tensor(name string, shape ...int) checkpoint.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	t := checkpoint.Tensor{Name: name, Shape: shape, Data: make([]float32, n)}
	for i := range t.Data {
		t.Data[i] = 0.25*float32(i) - 3
	}
	return t
}

// TestRead: both forms of a file give the same layers.
func TestRead(t *testing.T) {
	layers := []caffe.Layer{
		{Name: "data", Type: "Data"},
		{"conv1", "Convolution", []checkpoint.Tensor{tensor("conv1.weight", 4, 3, 2, 2), tensor("conv1.bias", 4)}},
		{Name: "relu1", Type: "ReLU"},
		{Name: "norm1", Type: "LRN"},
		{"fc2", "InnerProduct", []checkpoint.Tensor{tensor("fc2.weight", 5, 8), tensor("fc2.bias", 5)}},
	}
	norm := caffe.Layer{Name: "bn3", Type: "BatchNorm",
		Blobs: []checkpoint.Tensor{tensor("bn3.0", 4), tensor("bn3.1", 4), tensor("bn3.2", 1)}}
	for file, want := range map[string][]caffe.Layer{
		"old.caffemodel": layers, "new.caffemodel": append(layers[:len(layers):len(layers)], norm),
	} {
		net, err := caffe.Read(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if net.Name != "small" || !reflect.DeepEqual(net.Layers, want) {
			t.Errorf("%s: got  %v\nwant %v", file, net, want)
		}
		names := ""
		for _, x := range net.Tensors() {
			names += x.Name + " "
		}
		if !strings.HasPrefix(names, "conv1.weight conv1.bias fc2.weight fc2.bias ") {
			t.Errorf("%s: tensors %s", file, names)
		}
	}
}

func TestReadMean(t *testing.T) {
	got, err := caffe.ReadMean("testdata/mean.binaryproto")
	if want := tensor("mean", 3, 4, 5); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// TestOldForm: what an inner product has in four dimensions loses the first ones, and nothing else does.
func TestOldForm(t *testing.T) {
	for _, c := range []struct {
		kind   uint64
		weight []uint64
		bias   []uint64
		want   string
	}{
		{14, []uint64{1, 1, 2, 3}, []uint64{1, 1, 1, 2}, "[[2 3] [2]]"},
		{14, []uint64{1, 1, 1, 6}, []uint64{1, 1, 1, 1}, "[[1 6] [1]]"}, // one output
		{14, []uint64{1, 1, 6, 1}, []uint64{1, 1, 1, 6}, "[[6 1] [6]]"}, // one input
		{4, []uint64{1, 1, 2, 3}, []uint64{1, 1, 1, 1}, "[[1 1 2 3] [1]]"},
		{39, []uint64{2, 1, 3, 1}, []uint64{1, 1, 1, 2}, "[[2 1 3 1] [2]]"},
		{34, []uint64{1, 1, 1, 6}, []uint64{1, 1, 1, 2}, "[[1 1 1 6] [1 1 1 2]]"},
	} {
		net, err := caffe.Read(write(t, oldLayer(c.kind, oldBlob(c.weight...), oldBlob(c.bias...))))
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		var shapes [][]int
		for _, x := range net.Tensors() {
			shapes = append(shapes, x.Shape)
		}
		if got := fmt.Sprint(shapes); got != c.want {
			t.Errorf("type %d: %v and %v became %s, want %s", c.kind, c.weight, c.bias, got, c.want)
		}
	}
}

// TestTypes: every old type has a newer name, each another; a number that nobody knows stays one.
func TestTypes(t *testing.T) {
	seen := map[string]bool{}
	for kind := range uint64(41) {
		net, err := caffe.Read(write(t, oldLayer(kind, oldBlob(1, 1, 1, 1))))
		if err != nil {
			t.Fatal(err)
		}
		name := net.Layers[0].Type
		if unknown := kind == 0 || kind == 40; unknown != (name == fmt.Sprint(kind)) || seen[name] {
			t.Errorf("type %d is %s", kind, name)
		}
		seen[name] = true
	}
}

// TestForms: numbers one by one, in several pieces, and of double precision, which is taken where there is both.
func TestForms(t *testing.T) {
	shape := message(7, varints(1, 1, 1, 3))
	for name, data := range map[string][]byte{
		"packed":     message(5, packed(1, 2, 3)),
		"one by one": join(float(5, 1), float(5, 2), float(5, 3)),
		"pieces":     join(message(5, packed(1)), float(5, 2), message(5, packed(3)), message(5, nil)),
		"double":     message(8, doubles(1, 2, 3)),
		"both":       join(message(5, packed(9)), message(8, doubles(1, 2)), message(8, doubles(3))),
		"with diff":  join(message(6, packed(7, 7)), message(5, packed(1, 2, 3)), message(9, doubles(7))),
		"before":     join(message(5, packed(1, 2)), shape, message(5, packed(3))),
	} {
		blob := join(shape, data)
		if name == "before" {
			blob = data
		}
		got, err := caffe.ReadMean(write(t, blob))
		if want := "{mean [1 1 3] [1 2 3]}"; err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, want)
		}
	}
	unpackedShape := join(message(7, join(number(1, 1), number(1, 1), number(1, 3))), message(5, packed(1, 2, 3)))
	if got, err := caffe.ReadMean(write(t, unpackedShape)); err != nil || fmt.Sprint(got.Shape) != "[1 1 3]" {
		t.Errorf("shape one by one: %v, %v", got, err)
	}
}

// TestRecognise: which files are which, also by their first bytes alone.
func TestRecognise(t *testing.T) {
	for file, want := range map[string][2]bool{"testdata/old.caffemodel": {true, false},
		"testdata/new.caffemodel": {true, false}, "testdata/mean.binaryproto": {false, true},
		"../onnx/testdata/small.onnx": {}, "caffe_test.go": {}} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, head := range [][]byte{b, b[:200]} {
			if got := [2]bool{caffe.Is(head), caffe.IsMean(head)}; got != want {
				t.Errorf("%s, %d bytes: %v, want %v", file, len(head), got, want)
			}
		}
	}
	if caffe.Is(nil) || caffe.IsMean(nil) {
		t.Error("nothing is something")
	}
}
