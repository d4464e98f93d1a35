// Package interpret computes ONNX graphs in plain loops: those of the operators that duet writes. It shares nothing
// with the engine, so that what both compute can be compared.
//
// The formulas are those of ONNX's Operators.md, versions of opset 13; sums are of float64.
package interpret

import (
	"context"
	"fmt"

	"duet/alexnet/convert/onnx"
)

// Tensor is an array in row-major order. One of integers has Ints.
type Tensor struct {
	Shape []int
	Data  []float32
	Ints  []int64
}

// Bytes is a tensor of bytes.
func Bytes(shape []int, data []byte) *Tensor {
	t := newTensor(shape...)
	for i, x := range data {
		t.Data[i] = float32(x)
	}
	return t
}

func newTensor(shape ...int) *Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return &Tensor{Shape: shape, Data: make([]float32, n)}
}

// Run computes an output of a graph from its inputs, until ctx ends.
func Run(ctx context.Context, m *onnx.Model, inputs map[string]*Tensor, output string) (*Tensor, error) {
	g := &m.Graph
	values, last := map[string]*Tensor{}, map[string]int{}
	for i := range g.Initializers {
		t := &g.Initializers[i]
		values[t.Name] = &Tensor{t.Shape, t.Data, t.Ints}
	}
	for name, t := range inputs {
		values[name] = t
	}
	for i := range g.Nodes {
		for _, name := range g.Nodes[i].Inputs {
			last[name] = i
		}
	}
	for i := range g.Nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := &g.Nodes[i]
		y, err := run(n, values)
		if err != nil {
			return nil, fmt.Errorf("node %s (%s): %w", n.Name, n.Op, err)
		}
		values[n.Outputs[0]] = y
		for _, name := range n.Inputs {
			if last[name] == i {
				delete(values, name)
			}
		}
	}
	if values[output] == nil {
		return nil, fmt.Errorf("nothing gives %q", output)
	}
	return values[output], nil
}

// operators compute a node's only output.
var operators = map[string]struct {
	inputs int
	run    func(n *onnx.Node, in []*Tensor) (*Tensor, error)
}{
	"AveragePool": {1, averagePool},
	"Cast":        {1, func(_ *onnx.Node, in []*Tensor) (*Tensor, error) { return in[0], nil }}, // here all is float32
	"Concat":      {2, concat},
	"Conv":        {3, conv},
	"Flatten":     {1, flatten},
	"Gemm":        {3, gemm},
	"LRN":         {1, lrn},
	"MaxPool":     {1, maxPool},
	"Mul":         {2, elementwise(func(a, b float32) float32 { return a * b })},
	"Pad":         {2, pad},
	"Relu":        {1, relu},
	"Reshape":     {2, reshape},
	"Slice":       {4, slice},
	"Softmax":     {1, softmax},
	"Sub":         {2, elementwise(func(a, b float32) float32 { return a - b })},
	"Tanh":        {1, tanh},
	"Transpose":   {1, transpose},
}

func run(n *onnx.Node, values map[string]*Tensor) (*Tensor, error) {
	o, known := operators[n.Op]
	if !known || n.Domain != "" || len(n.Outputs) != 1 || len(n.Inputs) != o.inputs {
		return nil, fmt.Errorf("%d inputs and %d outputs: not computed here", len(n.Inputs), len(n.Outputs))
	}
	in := make([]*Tensor, len(n.Inputs))
	for i, name := range n.Inputs {
		if in[i] = values[name]; in[i] == nil {
			return nil, fmt.Errorf("nothing before it gives %q", name)
		}
	}
	return o.run(n, in)
}

// attribute is an attribute of a type; where the node has none, its zero.
func attribute[T any](n *onnx.Node, name string) T {
	x, _ := n.Attribute(name).(T)
	return x
}

// dims are the extents of an image or of maps.
func dims(t *Tensor) (n, c, h, w int, err error) {
	if len(t.Shape) != 4 {
		return 0, 0, 0, 0, fmt.Errorf("a tensor of shape %v, want four dimensions", t.Shape)
	}
	return t.Shape[0], t.Shape[1], t.Shape[2], t.Shape[3], nil
}
