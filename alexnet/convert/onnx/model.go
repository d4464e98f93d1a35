// Package onnx reads and writes ONNX models: what a graph consists of, not what it computes. Messages and numbers of
// fields are those of onnx.proto (https://github.com/onnx/onnx).
//
// Weights are read as float32, whatever the file has of floating point, and integers as int64.
package onnx

import (
	"fmt"
	"slices"
	"strconv"
)

// What Write writes where a model does not say otherwise. Both are of 2020: every runtime reads them.
const (
	IR    = 7
	Opset = 13
)

// Model is an ONNX file.
type Model struct {
	IR                        int64     // version of the format; written as IR where it is 0
	Opsets                    []Version // written as ONNX's own Opset where there are none
	Producer, ProducerVersion string
	Doc                       string
	Metadata                  []Property // in the order of the file
	Graph                     Graph
}

// Version is which version of a set of operators a model is for. The domain of ONNX's own is "".
type Version struct {
	Domain string
	Number int64
}

// Property is something that somebody says about a model.
type Property struct{ Key, Value string }

// Opset is the version of ONNX's own operators; 0 if the model does not say.
func (m *Model) Opset() int64 {
	for _, v := range m.Opsets {
		if isOwn(v.Domain) {
			return v.Number
		}
	}
	return 0
}

// isOwn says whether a domain is ONNX's own, which has two names.
func isOwn(domain string) bool { return domain == "" || domain == "ai.onnx" }

// Graph is what a model computes.
type Graph struct {
	Name, Doc       string
	Nodes           []Node // each after those whose outputs it takes
	Initializers    []Tensor
	Inputs, Outputs []Value // until IR 3, each initializer is an input too: see Fed
}

// Fed are the inputs that no initializer has a value for.
func (g *Graph) Fed() []Value {
	known := map[string]bool{}
	for i := range g.Initializers {
		known[g.Initializers[i].Name] = true
	}
	return slices.DeleteFunc(slices.Clone(g.Inputs), func(v Value) bool { return known[v.Name] })
}

// Constants are the initializers and what nodes of type Constant give, by name. They are the graph's own.
func (g *Graph) Constants() map[string]*Tensor {
	all := map[string]*Tensor{}
	for i := range g.Initializers {
		all[g.Initializers[i].Name] = &g.Initializers[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != "Constant" || !isOwn(n.Domain) || len(n.Outputs) != 1 || len(n.Attributes) != 1 {
			continue
		}
		name := n.Outputs[0]
		switch x := n.Attributes[0].Value.(type) {
		case *Tensor:
			all[name] = x
		case float32:
			all[name] = &Tensor{Name: name, Type: Float, Shape: []int{}, Data: []float32{x}}
		case []float32:
			all[name] = &Tensor{Name: name, Type: Float, Shape: []int{len(x)}, Data: x}
		case int64:
			all[name] = &Tensor{Name: name, Type: Int64, Shape: []int{}, Ints: []int64{x}}
		case []int64:
			all[name] = &Tensor{Name: name, Type: Int64, Shape: []int{len(x)}, Ints: x}
		}
	}
	return all
}

// Node is one operation.
type Node struct {
	Op, Domain, Name string   // Op is its type, such as "Conv"
	Inputs, Outputs  []string // "" is one that is left out
	Attributes       []Attribute
}

// Attribute is the value of a node's attribute; nil if the node does not say.
func (n *Node) Attribute(name string) any {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return nil
}

// Attribute is an attribute of a node. Value is an int64, float32, string, []int64, []float32, []string, *Tensor, or
// Unread.
type Attribute struct {
	Name  string
	Value any
}

// Unread stands for an attribute of a kind that is not read, such as a graph. It is the kind's number in
// AttributeProto.AttributeType.
type Unread int64

// Value is an input or output of a graph.
type Value struct {
	Name, Doc string
	Type      Type  // 0 if it is no tensor
	Dims      []Dim // nil if the file does not say how many there are
}

// Dim is a dimension of a Value: its size, or the name of a size that is free, such as "batch". Size is -1 where it is
// free or not said.
type Dim struct {
	Size int64
	Name string
}

func (d Dim) String() string {
	switch {
	case d.Name != "":
		return d.Name
	case d.Size < 0:
		return "?"
	}
	return strconv.FormatInt(d.Size, 10)
}

// Tensor is an array in row-major order. Data has its numbers if they are of floating point, Ints if they are integers
// or truth values: as many as the product of Shape.
type Tensor struct {
	Name  string
	Type  Type // of the file's elements
	Shape []int
	Data  []float32
	Ints  []int64
}

// Type is the type of a tensor's elements: a number of TensorProto.DataType.
type Type int32

// The types that are read. Float, Float16, Int32 and Int64 are written too. Uint8 is that of images alone, which a
// graph takes: no tensor of it is read or written.
const (
	Float    Type = 1
	Uint8    Type = 2
	Int32    Type = 6
	Int64    Type = 7
	Bool     Type = 9
	Float16  Type = 10
	Double   Type = 11
	BFloat16 Type = 16
)

var typeNames = [...]string{1: "float", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
	8: "string", 9: "bool", 10: "float16", 11: "double", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128",
	16: "bfloat16"}

func (t Type) String() string {
	if 0 < t && int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", int32(t))
}

// bytes of an element in raw data; 0 of types that are not read.
func (t Type) bytes() int {
	switch t {
	case Float, Int32:
		return 4
	case Int64, Double:
		return 8
	case Bool:
		return 1
	case Float16, BFloat16:
		return 2
	}
	return 0
}

// isInt says whether a tensor of this type has Ints.
func (t Type) isInt() bool { return t == Int32 || t == Int64 || t == Bool }
