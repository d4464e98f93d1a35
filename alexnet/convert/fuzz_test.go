package convert_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"duet/alexnet/convert"
	"duet/alexnet/convert/onnx"
	"duet/engine/model"
	"duet/engine/op"
)

// tinyGraph is a network with every kind of layer, of images of 8x8 pixels.
func tinyGraph(tb testing.TB) *model.Graph {
	b := model.NewBuilder("tiny", model.Options{Batch: 1, Devices: 1, Classes: 3, Height: 8, Width: 8, Crop: 8,
		Scale: [3]float64{1, 1, 1}, Mean: []int{3, 1, 1}})
	weights := func(layer string, shape ...int) (w, bias *op.Node) {
		return b.Param(model.Param{Name: layer + ".weight", Shape: shape}, 1).Parts[0].Node,
			b.Param(model.Param{Name: layer + ".bias", Shape: shape[:1]}, 1).Parts[0].Node
	}
	at := func(layer string) op.Place { return op.Place{Layer: layer} }
	w, bias := weights("conv1", 4, 3, 3, 3)
	x := b.Apply(op.Conv2D{Kernel: 3, Stride: 2, Pad: 1, Groups: 1, ReLU: true}, at("conv1"), b.Image(0), w, bias)
	x = b.Apply(op.LRN{N: 3, K: 1, Alpha: 1e-2, Beta: 0.75, AlphaOverN: true, Groups: 1}, at("norm1"), x)
	x = b.Apply(op.MaxPool{Kernel: 3, Stride: 1, Pad: 1}, at("pool1"), x)
	x = b.Apply(op.Flatten{}, at("fc2"), b.Apply(op.Scale{Factor: 0.5}, at("drop1"), x))
	w, bias = weights("fc2", 3, 64)
	g, err := b.Finish(b.Apply(op.Linear{}, at("fc2"), x, w, bias))
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// tinyModel computes what tinyGraph does.
func tinyModel() *onnx.Model {
	node := func(kind, in, out string, more ...any) onnx.Node { // constants by name, then attributes
		n := onnx.Node{Op: kind, Name: out, Inputs: []string{in}, Outputs: []string{out}}
		for _, x := range more {
			switch x := x.(type) {
			case string:
				n.Inputs = append(n.Inputs, x)
			case onnx.Attribute:
				n.Attributes = append(n.Attributes, x)
			}
		}
		return n
	}
	has := func(name string, value any) onnx.Attribute { return onnx.Attribute{Name: name, Value: value} }
	floats := func(name string, shape ...int) onnx.Tensor {
		t := weight(name, shape...)
		return onnx.Tensor{Name: name, Type: onnx.Float, Shape: shape, Data: t.Data}
	}
	half := onnx.Tensor{Name: "half", Type: onnx.Float, Shape: []int{}, Data: []float32{0.5}}
	return &onnx.Model{Graph: onnx.Graph{
		Nodes: []onnx.Node{
			node("Sub", "x", "centred", "mean"),
			node("Conv", "centred", "conv1", "conv1.weight", "conv1.bias", has("strides", []int64{2, 2}),
				has("pads", []int64{1, 1, 1, 1})),
			node("Relu", "conv1", "relu1"),
			node("LRN", "relu1", "norm1", has("alpha", float32(1e-2)), has("size", int64(3))),
			node("MaxPool", "norm1", "pool1", has("kernel_shape", []int64{3, 3}), has("auto_pad", "SAME_UPPER")),
			node("Mul", "pool1", "drop1", "half"),
			node("Flatten", "drop1", "flat"),
			node("Gemm", "flat", "fc2", "fc2.weight", "fc2.bias", has("transB", int64(1))),
		},
		Initializers: []onnx.Tensor{floats("mean", 3, 1, 1), floats("conv1.weight", 4, 3, 3, 3), floats("conv1.bias", 4),
			half, floats("fc2.weight", 3, 64), floats("fc2.bias", 3)},
		Inputs:  []onnx.Value{{Name: "x", Type: onnx.Float, Dims: []onnx.Dim{{Size: 1}, {Size: 3}, {Size: 8}, {Size: 8}}}},
		Outputs: []onnx.Value{{Name: "fc2", Type: onnx.Float, Dims: []onnx.Dim{{Size: 1}, {Size: 3}}}},
	}}
}

// TestTiny: the model is the network that the graph is, so that what FuzzGraph begins with gets as far as it can.
func TestTiny(t *testing.T) {
	if m := compared(t, tinyGraph(t), written(t, tinyModel())); m == nil || m.Whole() != nil || len(m.Pairs) != 2 {
		t.Errorf("%+v", m)
	}
}

// FuzzGraph: whatever a graph says is compared without a panic.
func FuzzGraph(f *testing.F) {
	g := tinyGraph(f)
	f.Add(written(f, tinyModel()))
	f.Fuzz(func(t *testing.T, data []byte) { compared(t, g, data) })
}

func written(tb testing.TB, m *onnx.Model) []byte {
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// compared is how a file is matched with a network, or nil where nothing of it fits.
func compared(tb testing.TB, g *model.Graph, data []byte) *convert.Match {
	path := filepath.Join(tb.TempDir(), "net.onnx")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		tb.Fatal(err)
	}
	s, err := convert.Read(path)
	if err != nil {
		return nil
	}
	m, err := convert.Fit(g.Params, s, convert.Options{})
	if err != nil {
		return nil
	}
	if err := m.Compare(g, s); err != nil {
		tb.Fatal(err)
	}
	return m
}
