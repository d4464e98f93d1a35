package onnx_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"duet/alexnet/convert/onnx"
)

// numbers are those of testdata, which bench/convert/fixtures.py made with the Python package onnx.
func numbers(n int) []float32 {
	all := make([]float32, n)
	for i := range all {
		all[i] = 0.25*float32(i) - 3
	}
	return all
}

func read(t testing.TB, path string) *onnx.Model {
	t.Helper()
	m, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRead(t *testing.T) {
	m := read(t, "testdata/small.onnx")
	g := m.Graph
	if m.IR != 7 || m.Opset() != 13 || m.Producer != "fixtures" || m.ProducerVersion != "1.0" || m.Doc != "a model" ||
		g.Name != "small" || g.Doc != "a graph" {
		t.Errorf("%+v", *m)
	}
	if got := fmt.Sprint(m.Opsets, m.Metadata); got != "[{ 13} {of.somebody 2}] [{mean 120,110,100} {classes two}]" {
		t.Error(got)
	}
	if got := fmt.Sprint(g.Inputs, g.Outputs); got != "[{x RGB float [batch 3 ? 8]}] [{z  float []} {q  type 0 []}]" ||
		g.Outputs[0].Dims != nil {
		t.Error(got)
	}
	attribute := func(name string, value any) onnx.Attribute { return onnx.Attribute{Name: name, Value: value} }
	constant := func(name, output string, value any) onnx.Node {
		return onnx.Node{Op: "Constant", Outputs: []string{output}, Attributes: []onnx.Attribute{attribute(name, value)}}
	}
	want := []onnx.Node{
		constant("value", "c",
			&onnx.Tensor{Name: "of no account", Type: onnx.Float, Shape: []int{2, 3}, Data: numbers(6)}),
		constant("value_float", "f", float32(1.5)),
		constant("value_floats", "fs", []float32{1.5, -2}),
		constant("value_int", "i", int64(-4)),
		constant("value_ints", "is", []int64{3, -4, 1 << 40}),
		constant("value_string", "s", "text"),
		{Op: "LRN", Name: "norm1", Inputs: []string{"x"}, Outputs: []string{"n"}, Attributes: []onnx.Attribute{
			attribute("alpha", float32(1e-4)), attribute("beta", float32(0.75)), attribute("bias", float32(2)),
			attribute("size", int64(5))}},
		{Op: "Conv", Name: "conv1", Inputs: []string{"n", "w", ""}, Outputs: []string{"y"}, Attributes: []onnx.Attribute{
			attribute("auto_pad", "NOTSET"), attribute("group", int64(1)), attribute("kernel_shape", []int64{3, 3}),
			attribute("pads", []int64{1, 1, 1, 1})}},
		{Op: "Special", Domain: "of.somebody", Inputs: []string{"y"}, Outputs: []string{"z"},
			Attributes: []onnx.Attribute{attribute("body", onnx.Unread(5)), attribute("words", []string{"a", "b"})}},
	}
	for i := range want {
		got := g.Nodes[i]
		slices.SortFunc(got.Attributes, func(a, b onnx.Attribute) int { return strings.Compare(a.Name, b.Name) })
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("node %d: got  %v\nwant %v", i, got, want[i])
		}
	}
	if x := want[6].Attribute("size"); x != int64(5) || want[6].Attribute("none") != nil || len(g.Nodes) != len(want) {
		t.Error(x, len(g.Nodes))
	}
}

// TestTypes: every type, as a list and as raw data.
func TestTypes(t *testing.T) {
	all := read(t, "testdata/small.onnx").Graph.Constants()
	shape := []int{2, 4}
	for name, kind := range map[string]onnx.Type{"float": onnx.Float, "double": onnx.Double, "float16": onnx.Float16,
		"bfloat16": onnx.BFloat16, "int32": onnx.Int32, "int64": onnx.Int64, "bool": onnx.Bool} {
		want := onnx.Tensor{Type: kind, Shape: shape, Data: numbers(8)}
		switch kind {
		case onnx.Int32, onnx.Int64:
			want.Data, want.Ints = nil, []int64{-3, -2, -1, 0, 1, 2, 3, 4}
		case onnx.Bool:
			want.Data, want.Ints = nil, slices.Repeat([]int64{1}, 8) // 0.25 i - 3 is 0 only at 12
		}
		for _, form := range []string{".list", ".raw"} {
			if want.Name = name + form; !reflect.DeepEqual(*all[want.Name], want) || kind.String() != name {
				t.Errorf("got  %v\nwant %v", *all[want.Name], want)
			}
		}
	}
	for name, want := range map[string]string{
		"scalar": "{scalar int64 [] [] [-7]}", "empty": "{empty float [0 3] [] []}", "f": "{f float [] [1.5] []}",
		"fs": "{fs float [2] [1.5 -2] []}", "i": "{i int64 [] [] [-4]}", "is": "{is int64 [3] [] [3 -4 1099511627776]}",
	} {
		if got := fmt.Sprint(*all[name]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if _, ok := all["s"]; ok || !reflect.DeepEqual(all["w"].Data, numbers(54)) || all["c"].Data[5] != -1.75 {
		t.Error(all["s"], all["w"], all["c"])
	}
}

// TestBeside reads weights in a file of their own, as PyTorch's exporter writes them.
func TestBeside(t *testing.T) {
	m := read(t, "testdata/beside.onnx")
	want := []onnx.Tensor{{Name: "w", Type: onnx.Float, Shape: []int{4, 3}, Data: numbers(12)},
		{Name: "b", Type: onnx.Float, Shape: []int{3}, Data: numbers(3)}}
	if m.IR != 10 || m.Opset() != 18 || !reflect.DeepEqual(m.Graph.Initializers, want) {
		t.Errorf("%+v", m)
	}
}

// TestFed: until IR 3 each initializer is an input too.
func TestFed(t *testing.T) {
	g := onnx.Graph{Inputs: []onnx.Value{{Name: "w"}, {Name: "x"}, {Name: "b"}},
		Initializers: []onnx.Tensor{{Name: "b"}, {Name: "w"}}}
	if got := g.Fed(); len(got) != 1 || got[0].Name != "x" || g.Inputs[0].Name != "w" {
		t.Errorf("%v of %v", got, g.Inputs)
	}
}

func TestOpset(t *testing.T) {
	for want, opsets := range map[int64][]onnx.Version{
		0: {{Domain: "ai.onnx.ml", Number: 3}}, 9: {{Domain: "ai.onnx.ml", Number: 3}, {Domain: "ai.onnx", Number: 9}}} {
		if got := (&onnx.Model{Opsets: opsets}).Opset(); got != want {
			t.Errorf("%v: %d, want %d", opsets, got, want)
		}
	}
}

func TestIs(t *testing.T) {
	for file, want := range map[string]bool{"testdata/small.onnx": true, "testdata/beside.onnx": true,
		"testdata/beside.onnx.data": false, "../caffe/testdata/new.caffemodel": false,
		"../caffe/testdata/old.caffemodel": false, "../caffe/testdata/mean.binaryproto": false, "model.go": false} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, head := range [][]byte{b, b[:min(60, len(b))]} {
			if got := onnx.Is(head); got != want {
				t.Errorf("%s, %d bytes: %t", file, len(head), got)
			}
		}
	}
}
