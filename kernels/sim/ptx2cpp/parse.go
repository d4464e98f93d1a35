package main

import (
	"duet/kernels/ptxinfo/lex"
	"duet/kernels/ptxinfo/syntax"
)

// parser is on its way through a body or initial values; the declarations are package syntax's.
type parser struct{ *syntax.Cursor }

// parse reads a text. The module is there also with an error, for its tokens.
func parse(file, text string) (*module, error) {
	declared, err := syntax.Parse(text)
	m := &module{Module: declared, file: file}
	if err != nil {
		return m, err
	}
	for _, d := range declared.Functions {
		p := parser{m.At(d.Body)}
		f := &function{Function: d}
		if f.body, err = p.block(); err != nil {
			return m, err
		}
		m.functions = append(m.functions, f)
	}
	return m, nil
}

// values reads a variable's initial values: none, one, or several in braces, which give an array without a length its
// own.
func (m *module) values(v *variable) (values []operand, err error) {
	if v.Init == 0 {
		return nil, nil
	}
	p := parser{m.At(v.Init)}
	if p.Take("{") {
		if t := p.Peek(); t.Is("{") {
			return nil, lex.Errorf(t.Line, "nested initial values are not translated")
		}
		values, err = p.list("}")
	} else {
		values = make([]operand, 1)
		values[0], err = p.value()
	}
	if err != nil {
		return nil, err
	}
	if v.Count == 0 {
		v.Count = len(values)
	}
	if len(values) > v.Count {
		return nil, lex.Errorf(v.Line, "%s has %d elements, and values for %d", v.Name, v.Count, len(values))
	}
	return values, p.Want(";")
}
