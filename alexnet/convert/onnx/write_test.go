package onnx_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"duet/alexnet/convert/onnx"
)

// small has all that can be written.
func small() *onnx.Model {
	return &onnx.Model{
		Producer: "duet", ProducerVersion: "1", Doc: "what it is",
		Metadata: []onnx.Property{{Key: "b", Value: "2"}, {Key: "a", Value: ""}},
		Graph: onnx.Graph{
			Name: "net", Doc: "a graph",
			Nodes: []onnx.Node{
				{Op: "LRN", Name: "norm1", Inputs: []string{"x"}, Outputs: []string{"n"}, Attributes: []onnx.Attribute{
					{Name: "alpha", Value: float32(1e-4)}, {Name: "size", Value: int64(5)}}},
				{Op: "Clip", Inputs: []string{"n", "", "max"}, Outputs: []string{"y"}},
				{Op: "Special", Domain: "d", Outputs: []string{"z"}, Attributes: []onnx.Attribute{
					{Name: "none", Value: []int64{}}, {Name: "ints", Value: []int64{-1, 0}}, {Name: "text", Value: ""},
					{Name: "floats", Value: []float32{1, float32(math.Inf(1))}}, {Name: "texts", Value: []string{"a", ""}},
					{Name: "tensor", Value: &onnx.Tensor{Type: onnx.Float, Shape: []int{2}, Data: []float32{1, -1}}}}},
			},
			Initializers: []onnx.Tensor{
				{Name: "max", Type: onnx.Float, Shape: []int{}, Data: []float32{6}},
				{Name: "w", Type: onnx.Float16, Shape: []int{2, 2}, Data: []float32{1, 0.333251953125, -65504, 6e-8}},
				{Name: "shape", Type: onnx.Int64, Shape: []int{3}, Ints: []int64{-1, 0, 1 << 40}},
				{Name: "int32", Type: onnx.Int32, Shape: []int{2}, Ints: []int64{math.MinInt32, math.MaxInt32}},
				{Name: "nothing", Type: onnx.Float, Shape: []int{0, 3}, Data: []float32{}},
			},
			Inputs: []onnx.Value{{Name: "x", Doc: "RGB", Type: onnx.Float, Dims: []onnx.Dim{{Size: -1, Name: "batch"}, {Size: 3},
				{Size: -1}}}},
			Outputs: []onnx.Value{{Name: "z", Type: onnx.Float16}, {Name: "y", Type: onnx.Float, Dims: []onnx.Dim{}}},
		},
	}
}

func written(t testing.TB, m *onnx.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWrite: what is written is read as it was, but for what a model leaves to Write and what float16 rounds.
func TestWrite(t *testing.T) {
	m := small()
	b := written(t, m)
	got := read(t, write(t, b))
	m.IR, m.Opsets = onnx.IR, []onnx.Version{{Domain: "", Number: onnx.Opset}}
	m.Graph.Initializers[1].Data[3] = 1.0 / (1 << 24)
	if !reflect.DeepEqual(got, m) {
		t.Errorf("got  %+v\nwant %+v", got, m)
	}
	if again := written(t, got); !bytes.Equal(b, again) {
		t.Error("what was read is written in another way")
	}
}

// TestAsPython: a model of the Python package onnx that has nothing but what Write writes has the same bytes.
func TestAsPython(t *testing.T) {
	theirs, err := os.ReadFile("testdata/plain.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if ours := written(t, read(t, "testdata/plain.onnx")); !bytes.Equal(ours, theirs) {
		t.Errorf("ours   %q\ntheirs %q", ours, theirs)
	}
}

func TestRefused(t *testing.T) {
	weight := func(kind onnx.Type, shape []int, data []float32, ints []int64) func(m *onnx.Model) {
		return func(m *onnx.Model) {
			m.Graph.Initializers = []onnx.Tensor{{Name: "w", Type: kind, Shape: shape, Data: data, Ints: ints}}
		}
	}
	attribute := func(value any) func(m *onnx.Model) {
		return func(m *onnx.Model) { m.Graph.Nodes[0].Attributes = []onnx.Attribute{{Name: "a", Value: value}} }
	}
	rename := func(i int, name string) func(m *onnx.Model) {
		return func(m *onnx.Model) { m.Graph.Initializers[i].Name = name }
	}
	for want, change := range map[string]func(m *onnx.Model){
		`initializer 0 "w": 1 numbers of shape [2], want 2`:        weight(onnx.Float, []int{2}, []float32{1}, nil),
		`0 numbers of shape [1], want 1`:                           weight(onnx.Int64, []int{1}, []float32{1}, nil),
		`shape [-1 -1] is none`:                                    weight(onnx.Float, []int{-1, -1}, []float32{1}, nil),
		`65520 is too large for float16`:                           weight(onnx.Float16, []int{1}, []float32{65520}, nil),
		`2147483648 is too large for int32`:                        weight(onnx.Int32, []int{1}, nil, []int64{1 << 31}),
		`elements of double are not written`:                       weight(onnx.Double, []int{1}, []float32{1}, nil),
		`node 0 "norm1": attribute "a": a value of Go type int is`: attribute(5),
		`attribute "a": a value of Go type onnx.Unread`:            attribute(onnx.Unread(5)),
		`attribute "a": elements of bool are not`:                  attribute(&onnx.Tensor{Type: onnx.Bool}),
		`node 1 "": of no type`:                                    func(m *onnx.Model) { m.Graph.Nodes[1].Op = "" },
		`initializer "max" is there twice`:                         rename(1, "max"),
		`initializer 0 has no name`:                                rename(0, ""),
	} {
		m := small()
		change(m)
		var b bytes.Buffer
		if err := m.Write(&b); err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("%v after %d bytes, want %s", err, b.Len(), want)
		}
	}
}

// infinite numbers and NaN are float16 too.
func TestInfinite(t *testing.T) {
	m := small()
	data := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 65519}
	m.Graph.Initializers[1].Data = data
	got := read(t, write(t, written(t, m))).Graph.Initializers[1].Data
	if got[0] != data[0] || got[1] != data[1] || got[2] == got[2] || got[3] != 65504 {
		t.Errorf("%v became %v", data, got)
	}
}

// counter counts what is written, until it has a disk's fill.
type counter struct{ bytes, full int64 }

var errFull = errors.New("no space left on device")

func (c *counter) Write(b []byte) (int, error) {
	if c.bytes += int64(len(b)); c.bytes > c.full {
		return 0, errFull
	}
	return len(b), nil
}

// TestLarge: weights of a large model are never there a second time, and of more than protobuf's 2 GB nothing is
// written.
func TestLarge(t *testing.T) {
	data := make([]float32, 1<<25)
	m := &onnx.Model{}
	for _, name := range strings.Split("abcdefghijklmnop", "")[:15] {
		m.Graph.Initializers = append(m.Graph.Initializers,
			onnx.Tensor{Name: name, Type: onnx.Float, Shape: []int{1 << 12, 1 << 13}, Data: data})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := &counter{full: 1 << 28}
	if err := m.Write(c); !errors.Is(err, errFull) || c.bytes < c.full {
		t.Errorf("%v after %d bytes", err, c.bytes)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("%d bytes of memory for weights of %d", took, c.bytes)
	}
	m.Graph.Initializers = append(m.Graph.Initializers,
		onnx.Tensor{Name: "p", Type: onnx.Float, Shape: []int{1 << 25}, Data: data})
	c = &counter{full: math.MaxInt64}
	if err := m.Write(c); err == nil || !strings.Contains(err.Error(), "protobuf allows 2147483647") || c.bytes > 0 {
		t.Errorf("%v after %d bytes", err, c.bytes)
	}
}
