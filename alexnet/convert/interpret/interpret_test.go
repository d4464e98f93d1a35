package interpret_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/alexnet/convert/interpret"
	"duet/alexnet/convert/onnx"
)

func floats(name string, shape []int, data ...float32) onnx.Tensor {
	return onnx.Tensor{Name: name, Type: onnx.Float, Shape: shape, Data: data}
}

func ints(name string, data ...int64) onnx.Tensor {
	return onnx.Tensor{Name: name, Type: onnx.Int64, Shape: []int{len(data)}, Ints: data}
}

func attribute(name string, value any) onnx.Attribute {
	return onnx.Attribute{Name: name, Value: value}
}

func windows(kernel, stride int64, pads ...int64) []onnx.Attribute {
	return []onnx.Attribute{attribute("kernel_shape", []int64{kernel, kernel}),
		attribute("strides", []int64{stride, stride}), attribute("pads", pads)}
}

// TestOperators: each by an example that is computed by hand.
func TestOperators(t *testing.T) {
	grid := floats("x", []int{1, 1, 3, 3}, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	for _, c := range []struct {
		op         string
		in         []onnx.Tensor
		attributes []onnx.Attribute
		shape      []int
		want       []float32
	}{
		{"AveragePool", []onnx.Tensor{grid}, windows(2, 2, 0, 0, 1, 1), []int{1, 1, 2, 2}, []float32{3, 4.5, 7.5, 9}},
		{"AveragePool", []onnx.Tensor{grid}, append(windows(2, 2, 0, 0, 1, 1), attribute("count_include_pad", int64(1))),
			[]int{1, 1, 2, 2}, []float32{3, 2.25, 3.75, 2.25}},
		{"Cast", []onnx.Tensor{grid}, nil, []int{1, 1, 3, 3}, grid.Data},
		{"Concat", []onnx.Tensor{floats("a", []int{2, 1}, 1, 2), floats("b", []int{2, 2}, 3, 4, 5, 6)},
			[]onnx.Attribute{attribute("axis", int64(1))}, []int{2, 3}, []float32{1, 3, 4, 2, 5, 6}},
		{"Conv", []onnx.Tensor{grid, floats("w", []int{1, 1, 2, 2}, 1, 10, 100, 1000), floats("b", []int{1}, 0.5)},
			append(windows(2, 2, 1, 0, 0, 1), attribute("group", int64(1))), []int{1, 1, 2, 2},
			[]float32{2100.5, 300.5, 8754.5, 906.5}},
		{"Conv", []onnx.Tensor{floats("x", []int{1, 2, 1, 1}, 3, 5), floats("w", []int{2, 1, 1, 1}, 10, 100),
			floats("b", []int{2}, 1, 2)}, append(windows(1, 1, 0, 0, 0, 0), attribute("group", int64(2))),
			[]int{1, 2, 1, 1}, []float32{31, 502}},
		{"Flatten", []onnx.Tensor{floats("x", []int{2, 1, 1, 2}, 1, 2, 3, 4)}, []onnx.Attribute{attribute("axis", int64(1))},
			[]int{2, 2}, []float32{1, 2, 3, 4}},
		{"Gemm", []onnx.Tensor{floats("x", []int{1, 2}, 1, 2), floats("w", []int{2, 2}, 3, 4, 5, 6), floats("b", []int{2}, 10,
			20)}, []onnx.Attribute{attribute("transB", int64(1))}, []int{1, 2}, []float32{21, 37}},
		{"LRN", []onnx.Tensor{floats("x", []int{1, 3, 1, 1}, 1, 2, 4)}, []onnx.Attribute{attribute("alpha", float32(3)),
			attribute("beta", float32(1)), attribute("bias", float32(1)), attribute("size", int64(3))}, []int{1, 3, 1, 1},
			[]float32{1.0 / 6, 2.0 / 22, 4.0 / 21}},
		{"MaxPool", []onnx.Tensor{grid}, windows(2, 2, 0, 0, 1, 1), []int{1, 1, 2, 2}, []float32{5, 6, 8, 9}},
		{"MaxPool", []onnx.Tensor{floats("x", []int{1, 1, 1, 2}, -3, -2)}, windows(2, 1, 1, 1, 0, 0), []int{1, 1, 1, 2},
			[]float32{-3, -2}},
		{"Mul", []onnx.Tensor{floats("x", []int{1, 2}, 1, 2), floats("f", []int{}, 0.5)}, nil, []int{1, 2},
			[]float32{0.5, 1}},
		{"Pad", []onnx.Tensor{floats("x", []int{1, 2}, 1, 2), ints("p", 0, 1, 1, 0)}, nil, []int{2, 3},
			[]float32{0, 1, 2, 0, 0, 0}},
		{"Relu", []onnx.Tensor{floats("x", []int{3}, -1, 0, 2)}, nil, []int{3}, []float32{0, 0, 2}},
		{"Reshape", []onnx.Tensor{floats("x", []int{1, 4}, 1, 2, 3, 4), ints("s", -1, 2)}, nil, []int{2, 2},
			[]float32{1, 2, 3, 4}},
		{"Slice", []onnx.Tensor{grid, ints("a", 1, 0), ints("e", 3, 1), ints("x2", 2, 3)}, nil, []int{1, 1, 2, 1},
			[]float32{4, 7}},
		{"Softmax", []onnx.Tensor{floats("x", []int{1, 2}, 1000, 1000-float32(math.Ln2))},
			[]onnx.Attribute{attribute("axis", int64(1))}, []int{1, 2}, []float32{2.0 / 3, 1.0 / 3}},
		{"Sub", []onnx.Tensor{floats("x", []int{1, 2, 1, 2}, 1, 2, 3, 4), floats("m", []int{2, 1, 1}, 1, 10)}, nil,
			[]int{1, 2, 1, 2}, []float32{0, 1, -7, -6}},
		{"Tanh", []onnx.Tensor{floats("x", []int{3}, -0.5, 0, 100)}, nil, []int{3}, []float32{-0.46211716, 0, 1}},
		{"Transpose", []onnx.Tensor{floats("x", []int{1, 1, 2, 3}, 1, 2, 3, 4, 5, 6)},
			[]onnx.Attribute{attribute("perm", []int64{0, 3, 1, 2})}, []int{1, 3, 1, 2}, []float32{1, 4, 2, 5, 3, 6}},
	} {
		got, err := interpret.Run(t.Context(), model(c.op, c.in, c.attributes), nil, "y")
		if err != nil {
			t.Errorf("%s: %v", c.op, err)
			continue
		}
		near := slices.EqualFunc(got.Data, c.want, func(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-4 })
		if !near || !slices.Equal(got.Shape, c.shape) {
			t.Errorf("%s: %v of %v, want %v of %v", c.op, got.Data, got.Shape, c.want, c.shape)
		}
	}
}

func model(op string, in []onnx.Tensor, attributes []onnx.Attribute) *onnx.Model {
	node := onnx.Node{Op: op, Name: "node", Outputs: []string{"y"}, Attributes: attributes}
	for _, x := range in {
		node.Inputs = append(node.Inputs, x.Name)
	}
	return &onnx.Model{Graph: onnx.Graph{Nodes: []onnx.Node{node}, Initializers: in}}
}

// TestRefused: what is not computed here is an error, not another number.
func TestRefused(t *testing.T) {
	x := floats("x", []int{1, 1, 2, 2}, 1, 2, 3, 4)
	for _, c := range []struct {
		op         string
		in         []onnx.Tensor
		attributes []onnx.Attribute
	}{
		{"Elu", []onnx.Tensor{x}, nil},
		{"Relu", []onnx.Tensor{x, x}, nil},
		{"MaxPool", []onnx.Tensor{x}, append(windows(2, 1, 0, 0, 0, 0), attribute("ceil_mode", int64(1)))},
		{"MaxPool", []onnx.Tensor{x}, nil},
		{"AveragePool", []onnx.Tensor{x}, append(windows(2, 1, 0, 0, 0, 0), attribute("ceil_mode", int64(1)))},
		{"Tanh", []onnx.Tensor{x, x}, nil},
		{"Conv", []onnx.Tensor{x, floats("w", []int{1, 2, 1, 1}, 1, 2), floats("b", []int{1}, 0)}, windows(1, 1, 0, 0, 0, 0)},
		{"Gemm", []onnx.Tensor{x, x, x}, nil},
		{"Softmax", []onnx.Tensor{x}, nil},
		{"Flatten", []onnx.Tensor{x}, nil},
		{"Transpose", []onnx.Tensor{x}, nil},
		{"Reshape", []onnx.Tensor{x, ints("s", 3, 3)}, nil},
		{"Slice", []onnx.Tensor{x, ints("a", 0), ints("e", 9), ints("axes", 1)}, nil},
		{"Sub", []onnx.Tensor{x, floats("m", []int{3}, 1, 2, 3)}, nil},
	} {
		y, err := interpret.Run(t.Context(), model(c.op, c.in, c.attributes), nil, "y")
		if err == nil || !strings.HasPrefix(err.Error(), "node node ("+c.op+"): ") {
			t.Errorf("%s: %v, %v", c.op, y, err)
		}
	}
	if _, err := interpret.Run(t.Context(), model("Relu", []onnx.Tensor{x}, nil), nil, "z"); err == nil {
		t.Error("an output that nothing gives")
	}
	missing := model("Relu", []onnx.Tensor{x}, nil)
	missing.Graph.Initializers = nil
	if _, err := interpret.Run(t.Context(), missing, nil, "y"); err == nil {
		t.Error("an input that nothing gives")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := interpret.Run(ctx, model("Relu", []onnx.Tensor{x}, nil), nil, "y"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
