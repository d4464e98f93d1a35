package onnx

import (
	"errors"
	"fmt"

	"duet/internal/wire"
)

// node gives the name also with an error.
func (r *reader) node(f wire.Field) (n Node, err error) {
	err = f.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case nodeName:
			n.Name, err = f.Text()
		case nodeOp:
			n.Op, err = f.Text()
		case nodeDomain:
			n.Domain, err = f.Text()
		case nodeInput:
			n.Inputs, err = appendText(n.Inputs, f)
		case nodeOutput:
			n.Outputs, err = appendText(n.Outputs, f)
		case nodeAttribute:
			var a Attribute
			if a, err = r.attribute(f); err != nil {
				return fmt.Errorf("attribute %s: %w", wire.Quote(a.Name), err)
			}
			n.Attributes = append(n.Attributes, a)
		}
		return err
	})
	if err == nil && n.Op == "" {
		err = errors.New("of no type")
	}
	return n, err
}

func appendText(to []string, f wire.Field) ([]string, error) {
	s, err := f.Text()
	return append(to, s), err
}

// attribute gives the name also with an error. Files of IR 1 and 2 do not say of which kind an attribute is: it is that
// of the value that is there.
func (r *reader) attribute(f wire.Field) (a Attribute, err error) {
	var (
		kind, found, i int64
		x              float32
		s              string
		floats         = []float32{}
		ints           = []int64{}
		texts          = []string{}
		tensor         *Tensor
	)
	err = f.Each(func(f wire.Field) (err error) {
		switch f.Number {
		case attributeName:
			a.Name, err = f.Text()
		case attributeType:
			kind, err = f.Int()
		case attributeReference:
			err = errors.New("of a function, which is not read")
		case attributeF:
			found = kindFloat
			x, err = f.Float()
		case attributeI:
			found = kindInt
			i, err = f.Int()
		case attributeS:
			found = kindString
			s, err = f.Text()
		case attributeT:
			found = kindTensor
			var t Tensor
			t, err = r.tensor(f)
			tensor = &t
		case attributeFloats:
			found = kindFloats
			floats, err = f.AppendFloats(floats)
		case attributeInts:
			found = kindInts
			ints, err = f.AppendInts(ints)
		case attributeStrings:
			found = kindStrings
			texts, err = appendText(texts, f)
		}
		return err
	})
	if err != nil {
		return a, err
	}
	if kind == 0 {
		kind = found
	}
	switch kind {
	case kindFloat:
		a.Value = x
	case kindInt:
		a.Value = i
	case kindString:
		a.Value = s
	case kindTensor:
		if tensor == nil {
			return a, errors.New("a tensor that is not there")
		}
		a.Value = tensor
	case kindFloats:
		a.Value = floats
	case kindInts:
		a.Value = ints
	case kindStrings:
		a.Value = texts
	default:
		a.Value = Unread(kind)
	}
	return a, nil
}
