// Command convert is the Go side of check.py: it shows what alexnet/convert reads of a file, and has it write a model.
//
//	convert onnx|caffe|mean FILE
//	convert write float|float16 OUT
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"

	"duet/alexnet/convert/caffe"
	"duet/alexnet/convert/onnx"
	"duet/engine/checkpoint"
)

// array is a tensor for Python: its numbers are float32 or int64, little endian.
type array struct {
	Name  string
	Ints  bool
	Shape []int
	Data  []byte // which JSON has in base64
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 3 && args[0] == "write" {
		return write(args[2], map[string]onnx.Type{"float": onnx.Float, "float16": onnx.Float16}[args[1]])
	}
	if len(args) != 2 {
		return fmt.Errorf("want what and a file, not %q", args)
	}
	var tensors []checkpoint.Tensor
	switch path := args[1]; args[0] {
	case "onnx":
		m, err := onnx.Read(path)
		if err != nil {
			return err
		}
		return show(models(m))
	case "caffe":
		net, err := caffe.Read(path)
		if err != nil {
			return err
		}
		tensors = net.Tensors()
	case "mean":
		mean, err := caffe.ReadMean(path)
		if err != nil {
			return err
		}
		tensors = append(tensors, mean)
	}
	var all []array
	for _, t := range tensors {
		all = append(all, array{t.Name, false, t.Shape, little(t.Data)})
	}
	return show(all)
}

// models are a model's initializers and the tensors of its nodes, each under its node's output.
func models(m *onnx.Model) (all []array) {
	add := func(name string, t *onnx.Tensor) {
		if t.Ints != nil {
			all = append(all, array{name, true, t.Shape, little(t.Ints)})
		} else {
			all = append(all, array{name, false, t.Shape, little(t.Data)})
		}
	}
	for i := range m.Graph.Initializers {
		add(m.Graph.Initializers[i].Name, &m.Graph.Initializers[i])
	}
	for _, n := range m.Graph.Nodes {
		for _, a := range n.Attributes {
			if t, ok := a.Value.(*onnx.Tensor); ok {
				add(n.Outputs[0], t)
			}
		}
	}
	return all
}

func little(numbers any) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, numbers); err != nil {
		panic(err) // of numbers of a fixed size, into memory
	}
	return b.Bytes()
}

func show(x any) error { return json.NewEncoder(os.Stdout).Encode(x) }

// write writes a convolution of two groups, LRN of each of them, and a linear layer, all of a batch of any size.
// A weight is its index modulo 13, less 6, by 64.
func write(path string, kind onnx.Type) error {
	weight := func(name string, shape ...int) onnx.Tensor {
		t := onnx.Tensor{Name: name, Type: kind, Shape: shape, Data: make([]float32, array{Shape: shape}.count())}
		for i := range t.Data {
			t.Data[i] = float32(i%13-6) / 64
		}
		return t
	}
	shape := func(name string, to ...int64) onnx.Tensor {
		return onnx.Tensor{Name: name, Type: onnx.Int64, Shape: []int{len(to)}, Ints: to}
	}
	node := func(op, inputs, output string, attributes ...onnx.Attribute) onnx.Node {
		n := onnx.Node{Op: op, Name: output, Outputs: []string{output}, Attributes: attributes}
		for _, input := range bytes.Fields([]byte(inputs)) {
			n.Inputs = append(n.Inputs, string(input))
		}
		return n
	}
	m := onnx.Model{Producer: "duet", Metadata: []onnx.Property{{Key: "classes", Value: "five"}}, Graph: onnx.Graph{
		Name: "net",
		Nodes: []onnx.Node{
			node("Conv", "x conv1.weight conv1.bias", "conv1", onnx.Attribute{Name: "group", Value: int64(2)},
				onnx.Attribute{Name: "pads", Value: []int64{1, 1, 1, 1}}),
			node("Reshape", "conv1 apart", "towers"),
			node("LRN", "towers", "norm1", onnx.Attribute{Name: "alpha", Value: float32(0.5)},
				onnx.Attribute{Name: "size", Value: int64(3)}),
			node("Reshape", "norm1 together", "flat"),
			node("Gemm", "flat fc2.weight fc2.bias", "fc2", onnx.Attribute{Name: "transB", Value: int64(1)}),
			node("Softmax", "fc2", "y", onnx.Attribute{Name: "axis", Value: int64(1)}),
		},
		Initializers: []onnx.Tensor{weight("conv1.weight", 8, 2, 3, 3), weight("conv1.bias", 8),
			shape("apart", -1, 4, 6, 6), shape("together", -1, 288), weight("fc2.weight", 5, 288), weight("fc2.bias", 5)},
		Inputs: []onnx.Value{{Name: "x", Type: kind, Dims: []onnx.Dim{{Size: -1, Name: "batch"}, {Size: 4}, {Size: 6},
			{Size: 6}}}},
		Outputs: []onnx.Value{{Name: "y", Type: kind, Dims: []onnx.Dim{{Size: -1, Name: "batch"}, {Size: 5}}}},
	}}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := m.Write(out); err != nil {
		return err
	}
	return out.Close()
}

func (a array) count() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}
