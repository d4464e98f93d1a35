package convert

import (
	"fmt"
	"slices"

	"duet/alexnet/convert/onnx"
	"duet/engine/checkpoint"
)

// mostFilled is how many numbers ConstantOfShape may make in a model: it takes no bytes of a file.
const mostFilled = 1 << 28

// readONNX takes the weights of convolutions and products from a graph, in the order in which they are computed, and
// what is computed on the way from its input to its output.
func readONNX(path string) (*Source, error) {
	m, err := onnx.Read(path)
	if err != nil {
		return nil, err
	}
	g := &onnxGraph{constants: m.Graph.Constants(), used: map[string]bool{},
		layers: map[*onnx.Node]int{}, biases: map[*onnx.Node]bool{},
		source: &Source{Format: "ONNX", Layout: OIHW, steps: []step{}}}
	for i := range m.Graph.Nodes {
		if err := g.node(&m.Graph.Nodes[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	g.walked(&m.Graph)
	for _, t := range m.Graph.Initializers {
		if !g.used[t.Name] && t.Data != nil && len(t.Data) > 1 {
			g.source.Rest = append(g.source.Rest, checkpoint.Tensor{Name: t.Name, Shape: t.Shape, Data: t.Data})
		}
	}
	return g.source, nil
}

// onnxGraph is what is known while a graph is walked.
type onnxGraph struct {
	constants map[string]*onnx.Tensor
	used      map[string]bool
	filled    int64
	source    *Source
	product   string              // the output of the last MatMul, which an Add may give a bias
	layers    map[*onnx.Node]int  // of the source, from 1
	biases    map[*onnx.Node]bool // that give the layer before a bias
}

func (g *onnxGraph) node(n *onnx.Node) error {
	switch n.Op {
	case "ConstantOfShape", "Transpose", "Reshape", "Identity", "Cast", "Flatten", "Unsqueeze", "Squeeze":
		return g.fold(n)
	case "Conv", "Gemm", "MatMul":
		return g.weighted(n)
	case "Add":
		g.bias(n)
	}
	return nil
}

// input is the constant that a node takes, or nil.
func (g *onnxGraph) input(n *onnx.Node, i int) *onnx.Tensor {
	if i >= len(n.Inputs) {
		return nil
	}
	return g.constants[n.Inputs[i]]
}

// fold makes a constant of a node whose inputs are constants, where it is one that exporters leave before weights.
func (g *onnxGraph) fold(n *onnx.Node) error {
	in := g.input(n, 0)
	if in == nil || len(n.Outputs) == 0 {
		return nil
	}
	out := &onnx.Tensor{Name: in.Name, Type: in.Type, Shape: in.Shape, Data: in.Data, Ints: in.Ints}
	switch n.Op {
	case "ConstantOfShape":
		return g.fill(n, in)
	case "Transpose":
		if len(in.Shape) != 2 || in.Data == nil {
			return nil
		}
		if perm, given := n.Attribute("perm").([]int64); given && !slices.Equal(perm, []int64{1, 0}) {
			return nil
		}
		out.Shape, out.Data = []int{in.Shape[1], in.Shape[0]}, transposed(in.Data, in.Shape[0], in.Shape[1])
	case "Identity", "Cast":
	default: // other shapes of the same numbers, which fits() looks at
		return nil
	}
	g.used[in.Name] = true
	g.constants[n.Outputs[0]] = out
	return nil
}

// fill is ConstantOfShape.
func (g *onnxGraph) fill(n *onnx.Node, in *onnx.Tensor) error {
	count, shape := int64(1), []int{}
	for _, size := range in.Ints {
		if size < 0 || size > mostFilled {
			return fmt.Errorf("%s: ConstantOfShape of %v", n.Outputs[0], in.Ints)
		}
		if count *= size; count > mostFilled-g.filled {
			return fmt.Errorf("%s: ConstantOfShape of %v, want at most %d numbers in all", n.Outputs[0], in.Ints, mostFilled)
		}
		shape = append(shape, int(size))
	}
	value, _ := n.Attribute("value").(*onnx.Tensor)
	if value != nil && len(value.Data) != 1 {
		return nil // of integers
	}
	g.filled += count
	t := &onnx.Tensor{Name: n.Outputs[0], Type: onnx.Float, Shape: shape, Data: make([]float32, count)}
	if value != nil {
		for i := range t.Data {
			t.Data[i] = value.Data[0]
		}
	}
	g.constants[t.Name] = t
	return nil
}

func transposed(data []float32, rows, columns int) []float32 {
	out := make([]float32, len(data))
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = data[i*columns+j]
		}
	}
	return out
}

// weighted makes a layer of a node with a constant weight.
func (g *onnxGraph) weighted(n *onnx.Node) error {
	axes := 2
	if n.Op == "Conv" {
		axes = 4
	}
	w := g.input(n, 1)
	if w == nil || w.Data == nil || len(w.Shape) != axes || len(n.Outputs) == 0 {
		return nil
	}
	if transA := number(n, "transA", int64(0)); n.Op == "Gemm" && transA != 0 {
		return fmt.Errorf("%s: a Gemm with transA = %d, want 0", n.Outputs[0], transA)
	}
	for name, want := range map[string]float32{"alpha": 1, "beta": 1} {
		if x, given := n.Attribute(name).(float32); n.Op == "Gemm" && given && x != want {
			return fmt.Errorf("%s: a Gemm with %s = %v, want 1", n.Outputs[0], name, x)
		}
	}
	g.used[w.Name] = true
	weight := checkpoint.Tensor{Name: w.Name, Shape: w.Shape, Data: w.Data}
	if transB, _ := n.Attribute("transB").(int64); n.Op == "MatMul" || n.Op == "Gemm" && transB == 0 {
		weight.Shape, weight.Data = []int{w.Shape[1], w.Shape[0]}, transposed(w.Data, w.Shape[0], w.Shape[1])
	}
	l := Layer{Name: w.Name, Weight: weight}
	if name, is := stem(w.Name, weightNames); is {
		l.Name = name
	}
	if b := g.input(n, 2); b != nil && b.Data != nil {
		g.used[b.Name] = true
		l.Bias = &checkpoint.Tensor{Name: b.Name, Shape: b.Shape, Data: b.Data}
	}
	if n.Op == "MatMul" {
		g.product = n.Outputs[0]
	}
	g.source.Layers = append(g.source.Layers, l)
	g.layers[n] = len(g.source.Layers)
	return nil
}

// bias gives the layer of a MatMul the constant that is added to it.
func (g *onnxGraph) bias(n *onnx.Node) {
	if g.product == "" || !slices.Contains(n.Inputs, g.product) || len(n.Inputs) != 2 {
		return
	}
	for i := range 2 {
		if b := g.input(n, i); b != nil && b.Data != nil {
			g.used[b.Name] = true
			last := &g.source.Layers[len(g.source.Layers)-1]
			last.Bias = &checkpoint.Tensor{Name: b.Name, Shape: b.Shape, Data: b.Data}
			g.biases[n] = true
		}
	}
	g.product = ""
}
