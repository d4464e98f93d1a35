package onnx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/internal/half"
	"duet/internal/wire"
)

// Write writes a model. The same model gives the same bytes. Numbers are written as raw data in the tensor's type, of
// which float16 rounds; a finite number that it cannot hold is an error. Beside the model, only what is no initializer
// takes memory. Nothing is written of a model that is refused.
func (m *Model) Write(w io.Writer) error {
	pieces, err := m.encode()
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	for _, p := range pieces {
		if _, err := w.Write(p.head); err != nil {
			return err
		}
		if p.tensor == nil {
			continue
		}
		if err := p.tensor.writeRaw(w); err != nil {
			return err
		}
	}
	return nil
}

// piece is a part of a file: some bytes, and after them a tensor's raw data.
type piece struct {
	head   []byte
	tensor *Tensor
}

// encode has the fields of each message in the order of their numbers.
func (m *Model) encode() ([]piece, error) {
	g := &m.Graph
	var before, after []byte
	for i := range g.Nodes {
		node, err := g.Nodes[i].encode()
		if err != nil {
			return nil, fmt.Errorf("node %d %s: %w", i, wire.Quote(g.Nodes[i].Name), err)
		}
		before = appendBytes(before, graphNode, node)
	}
	before = appendName(before, graphName, g.Name)
	pieces := []piece{{}, {head: before}}
	size := int64(len(before))
	for i := range g.Initializers {
		t := &g.Initializers[i]
		head, raw, err := t.encode()
		if err != nil {
			return nil, fmt.Errorf("initializer %d %s: %w", i, wire.Quote(t.Name), err)
		}
		tag := protowire.AppendTag(nil, graphInitializer, protowire.BytesType)
		head = append(protowire.AppendVarint(tag, uint64(len(head))+uint64(raw)), head...)
		pieces = append(pieces, piece{head, t})
		size += int64(len(head)) + raw
	}
	after = appendName(after, graphDoc, g.Doc)
	for _, v := range g.Inputs {
		after = appendBytes(after, graphInput, v.encode())
	}
	for _, v := range g.Outputs {
		after = appendBytes(after, graphOutput, v.encode())
	}
	size += int64(len(after))
	pieces[0].head = m.begin(size)
	end := m.end()
	if all := int64(len(pieces[0].head)) + size + int64(len(end)); all > wire.MaxFile {
		return nil, fmt.Errorf("%d bytes, and protobuf allows %d", all, wire.MaxFile)
	}
	return append(pieces, piece{head: append(after, end...)}), check(g)
}

// begin is what stands before a graph of a size.
func (m *Model) begin(graph int64) []byte {
	ir := m.IR
	if ir == 0 {
		ir = IR
	}
	b := appendInt(nil, modelIR, ir)
	b = appendName(b, modelProducer, m.Producer)
	b = appendName(b, modelProducerVersion, m.ProducerVersion)
	b = appendName(b, modelDoc, m.Doc)
	return protowire.AppendVarint(protowire.AppendTag(b, modelGraph, protowire.BytesType), uint64(graph))
}

// end is what stands after the graph.
func (m *Model) end() (b []byte) {
	opsets := m.Opsets
	if len(opsets) == 0 {
		opsets = []Version{{"", Opset}}
	}
	for _, v := range opsets {
		b = appendBytes(b, modelOpset, appendInt(appendString(nil, opsetDomain, v.Domain), opsetVersion, v.Number))
	}
	for _, p := range m.Metadata {
		b = p.append(b)
	}
	return b
}

func (p Property) append(b []byte) []byte {
	return appendBytes(b, modelProps, appendString(appendString(nil, entryKey, p.Key), entryValue, p.Value))
}

// WriteTo writes a property after a model that Write has written, which has it then as the last one of its metadata.
func (p Property) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(p.append(nil))
	return int64(n), err
}

func (n *Node) encode() (b []byte, err error) {
	if n.Op == "" {
		return nil, errors.New("of no type")
	}
	for _, name := range n.Inputs {
		b = appendString(b, nodeInput, name)
	}
	for _, name := range n.Outputs {
		b = appendString(b, nodeOutput, name)
	}
	b = appendName(b, nodeName, n.Name)
	b = appendName(b, nodeOp, n.Op)
	for _, a := range n.Attributes {
		x, err := a.encode()
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", wire.Quote(a.Name), err)
		}
		b = appendBytes(b, nodeAttribute, x)
	}
	return appendName(b, nodeDomain, n.Domain), nil
}

func (a *Attribute) encode() ([]byte, error) {
	b := appendString(nil, attributeName, a.Name)
	var kind int64
	switch x := a.Value.(type) {
	case float32:
		kind, b = kindFloat, appendFloat(b, attributeF, x)
	case int64:
		kind, b = kindInt, appendInt(b, attributeI, x)
	case string:
		kind, b = kindString, appendString(b, attributeS, x)
	case *Tensor:
		head, raw, err := x.encode()
		if err != nil {
			return nil, err
		}
		tensor := bytes.NewBuffer(make([]byte, 0, len(head)+int(raw)))
		tensor.Write(head)
		if err := x.writeRaw(tensor); err != nil {
			return nil, err
		}
		kind, b = kindTensor, appendBytes(b, attributeT, tensor.Bytes())
	case []float32:
		kind = kindFloats
		for _, x := range x {
			b = appendFloat(b, attributeFloats, x)
		}
	case []int64:
		kind = kindInts
		for _, x := range x {
			b = appendInt(b, attributeInts, x)
		}
	case []string:
		kind = kindStrings
		for _, x := range x {
			b = appendString(b, attributeStrings, x)
		}
	default:
		return nil, fmt.Errorf("a value of Go type %T is not written", a.Value)
	}
	return appendInt(b, attributeType, kind), nil
}

func (v *Value) encode() []byte {
	b := appendName(nil, valueName, v.Name)
	if v.Type != 0 {
		tensor := appendInt(nil, typeElem, int64(v.Type))
		if v.Dims != nil {
			tensor = appendBytes(tensor, typeDims, encodeDims(v.Dims))
		}
		b = appendBytes(b, valueType, appendBytes(nil, typeTensor, tensor))
	}
	return appendName(b, valueDoc, v.Doc)
}

func encodeDims(dims []Dim) (shape []byte) {
	for _, d := range dims {
		var dim []byte
		switch {
		case d.Name != "":
			dim = appendString(dim, dimName, d.Name)
		case d.Size >= 0:
			dim = appendInt(dim, dimValue, d.Size)
		}
		shape = appendBytes(shape, shapeDim, dim)
	}
	return shape
}

// encode gives a tensor without its raw data, which is the message's last field, and how many bytes that has.
func (t *Tensor) encode() (head []byte, raw int64, err error) {
	dims := make([]int64, len(t.Shape))
	for i, d := range t.Shape {
		dims[i] = int64(d)
	}
	_, count, err := wire.Shape(dims)
	if err != nil {
		return nil, 0, err
	}
	numbers := len(t.Data)
	switch t.Type {
	case Float, Float16:
	case Int32, Int64:
		numbers = len(t.Ints)
	default:
		return nil, 0, fmt.Errorf("elements of %v are not written, but float, float16, int32 and int64", t.Type)
	}
	if numbers != count {
		return nil, 0, fmt.Errorf("%d numbers of shape %v, want %d", numbers, t.Shape, count)
	}
	if err := t.fits(); err != nil {
		return nil, 0, err
	}
	for _, d := range dims {
		head = appendInt(head, tensorDims, d)
	}
	head = appendName(appendInt(head, tensorType, int64(t.Type)), tensorName, t.Name)
	raw = int64(count) * int64(t.Type.bytes())
	head = protowire.AppendTag(head, tensorRaw, protowire.BytesType)
	return protowire.AppendVarint(head, uint64(raw)), raw, nil
}

// fits says whether a tensor's type can hold its numbers.
func (t *Tensor) fits() error {
	if t.Type == Float16 {
		for _, x := range t.Data {
			if half.From32(x)&0x7fff == 0x7c00 && !math.IsInf(float64(x), 0) {
				return fmt.Errorf("%v is too large for float16", x)
			}
		}
	}
	if t.Type == Int32 {
		for _, x := range t.Ints {
			if x != int64(int32(x)) {
				return fmt.Errorf("%d is too large for int32", x)
			}
		}
	}
	return nil
}

// writeRaw writes a tensor's raw data, piece by piece.
func (t *Tensor) writeRaw(w io.Writer) error {
	size := t.Type.bytes()
	count := len(t.Data)
	if t.Type.isInt() {
		count = len(t.Ints)
	}
	buffer := make([]byte, 0, min(count*size, pieceBytes))
	little := binary.LittleEndian
	for i := range count {
		switch t.Type {
		case Float:
			buffer = little.AppendUint32(buffer, math.Float32bits(t.Data[i]))
		case Float16:
			buffer = little.AppendUint16(buffer, half.From32(t.Data[i]))
		case Int32:
			buffer = little.AppendUint32(buffer, uint32(t.Ints[i]))
		case Int64:
			buffer = little.AppendUint64(buffer, uint64(t.Ints[i]))
		}
		if len(buffer) == pieceBytes || i == count-1 {
			if _, err := w.Write(buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
	}
	return nil
}
