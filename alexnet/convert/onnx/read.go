package onnx

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"duet/engine/checkpoint"
	"duet/internal/wire"
)

// modelFields are what a ModelProto may have: also domain 4, model_version 5, training_info 20, functions 25 and
// configuration 26.
var modelFields = wire.Kinds{modelIR: {wire.Varint}, modelProducer: {wire.Bytes}, modelProducerVersion: {wire.Bytes},
	4: {wire.Bytes}, 5: {wire.Varint}, modelDoc: {wire.Bytes}, modelGraph: {wire.Bytes}, modelOpset: {wire.Bytes},
	modelProps: {wire.Bytes}, 20: {wire.Bytes}, 25: {wire.Bytes}, 26: {wire.Bytes}}

// Is says whether a file that begins with head may be an ONNX model. 4096 bytes suffice.
func Is(head []byte) bool {
	return modelFields.Fit(head, modelProducer, modelDoc, modelGraph, modelOpset)
}

// Read reads a model, with weights that it has in a file beside it. The error names the file and is one line.
func Read(path string) (*Model, error) {
	b, err := wire.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	r := reader{folder: filepath.Dir(path), left: map[string]int64{}}
	m, err := r.model(wire.New(b))
	if err == nil {
		return m, nil
	}
	if looks := checkpoint.Looks(b); looks != "" {
		err = fmt.Errorf("not an ONNX model but %s", looks)
	} else if !Is(b) {
		err = fmt.Errorf("not an ONNX model: %w", err)
	}
	return nil, fmt.Errorf("onnx: %s: %w", path, err)
}

// reader is the reading of one file.
type reader struct {
	folder string           // of external data
	left   map[string]int64 // of each file there, how many bytes tensors may still take; see external
}

func (r *reader) model(message wire.Message) (*Model, error) {
	m := &Model{}
	graphs := 0
	err := message.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case modelIR:
			m.IR, err = f.Int()
		case modelProducer:
			m.Producer, err = f.Text()
		case modelProducerVersion:
			m.ProducerVersion, err = f.Text()
		case modelDoc:
			m.Doc, err = f.Text()
		case modelOpset:
			var v Version
			v, err = readVersion(f)
			m.Opsets = append(m.Opsets, v)
		case modelProps:
			var p Property
			p, err = readProperty(f)
			m.Metadata = append(m.Metadata, p)
		case modelGraph:
			graphs++
			err = r.graph(f, &m.Graph)
		}
		return err
	})
	if err == nil && graphs != 1 {
		err = fmt.Errorf("%d graphs, want one", graphs)
	}
	if err != nil {
		return nil, err
	}
	return m, check(&m.Graph)
}

// check refuses initializers that cannot be told apart.
func check(g *Graph) error {
	seen := map[string]bool{}
	for i := range g.Initializers {
		name := g.Initializers[i].Name
		if name == "" {
			return fmt.Errorf("initializer %d has no name", i)
		}
		if seen[name] {
			return fmt.Errorf("initializer %s is there twice", wire.Quote(name))
		}
		seen[name] = true
	}
	return nil
}

func readVersion(f wire.Field) (v Version, err error) {
	err = f.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case opsetDomain:
			v.Domain, err = f.Text()
		case opsetVersion:
			v.Number, err = f.Int()
		}
		return err
	})
	return v, err
}

func readProperty(f wire.Field) (p Property, err error) {
	err = f.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case entryKey:
			p.Key, err = f.Text()
		case entryValue:
			p.Value, err = f.Text()
		}
		return err
	})
	return p, err
}

func (r *reader) graph(f wire.Field, g *Graph) error {
	return f.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case graphName:
			g.Name, err = f.Text()
		case graphDoc:
			g.Doc, err = f.Text()
		case graphNode:
			var n Node
			if n, err = r.node(f); err != nil {
				return fmt.Errorf("node %d %s: %w", len(g.Nodes), wire.Quote(n.Name), err)
			}
			g.Nodes = append(g.Nodes, n)
		case graphInitializer:
			var t Tensor
			if t, err = r.tensor(f); err != nil {
				return fmt.Errorf("initializer %d %s: %w", len(g.Initializers), wire.Quote(t.Name), err)
			}
			g.Initializers = append(g.Initializers, t)
		case graphInput, graphOutput:
			list, what := &g.Inputs, "input"
			if f.Number == graphOutput {
				list, what = &g.Outputs, "output"
			}
			var v Value
			if v, err = readValue(f); err != nil {
				return fmt.Errorf("%s %d %s: %w", what, len(*list), wire.Quote(v.Name), err)
			}
			*list = append(*list, v)
		case graphSparse:
			err = errors.New("sparse initializers are not read")
		}
		return err
	})
}

// readValue gives the name also with an error.
func readValue(f wire.Field) (v Value, err error) {
	err = f.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case valueName:
			v.Name, err = f.Text()
		case valueDoc:
			v.Doc, err = f.Text()
		case valueType:
			err = f.Each(func(f wire.Field) error {
				if f.Number != typeTensor {
					return nil
				}
				return f.Each(func(f wire.Field) (err error) {
					switch f.Number {
					case typeElem:
						v.Type, err = readType(f)
					case typeDims:
						v.Dims, err = readDims(f)
					}
					return err
				})
			})
		}
		return err
	})
	return v, err
}

func readType(f wire.Field) (Type, error) {
	x, err := f.Int()
	if err == nil && (x < 0 || x > math.MaxInt32) {
		err = fmt.Errorf("element type %d", x)
	}
	return Type(x), err
}

func readDims(f wire.Field) (dims []Dim, err error) {
	dims = []Dim{}
	err = f.Each(func(f wire.Field) error {
		if f.Number != shapeDim {
			return nil
		}
		if len(dims) == wire.MaxRank {
			return fmt.Errorf("more than %d dimensions", wire.MaxRank)
		}
		d := Dim{Size: -1}
		err := f.Each(func(f wire.Field) (err error) {
			switch f.Number { // a oneof: the last one counts
			case dimValue:
				d.Name = ""
				d.Size, err = f.Int()
			case dimName:
				d.Size = -1
				d.Name, err = f.Text()
			}
			return err
		})
		if err == nil && d.Size < -1 {
			err = fmt.Errorf("dimension of size %d", d.Size)
		}
		dims = append(dims, d)
		return err
	})
	return dims, err
}
