package main

import "duet/kernels/ptxinfo/lex"

// variable reads a declaration after its state space, up to the semicolon.
func (p *parser) variable(space lex.Token) (*variable, error) {
	v := &variable{space: space.Text[1:]}
	if err := p.declarator(v); err != nil {
		return nil, err
	}
	if p.take("=") {
		values, err := p.initialisers()
		if err != nil {
			return nil, err
		}
		if v.values = values; v.count == 0 {
			v.count = len(values)
		}
		if len(values) > v.count {
			return nil, lex.Errorf(v.line, "%s has %d elements, and values for %d", v.name, v.count, len(values))
		}
	}
	return v, p.want(";")
}

// declarator reads .align 16 .b8 name[64][4].
func (p *parser) declarator(v *variable) error {
	for {
		t, err := p.word("a type")
		if err != nil {
			return err
		}
		switch kind, known := typeNamed(t.Text[1:]); {
		case t.Is(".align"):
			if v.align, err = p.number("an alignment"); err != nil {
				return err
			}
			if v.align < 1 || v.align > 1024 || v.align&(v.align-1) != 0 {
				return lex.Errorf(t.Line, "an alignment of %d, want a power of two up to 1024", v.align)
			}
		case t.Is(".ptr"):
			return p.pointer(v)
		case t.Text[0] == '.' && known && v.kind == "":
			v.kind, v.bytes = t.Text[1:], kind.bytes()
		case t.Is(".b128") && v.kind == "" && v.space != "reg":
			v.kind, v.bytes = "b128", 16
		case t.Text[0] != '.' && v.kind != "":
			return p.extents(v, t)
		default:
			return lex.Errorf(t.Line, "%v, want a type and a name", t)
		}
	}
}

// pointer reads what a parameter points to, and its name.
func (p *parser) pointer(v *variable) error {
	alignment := v.align
	for {
		t, err := p.word("the name of a parameter")
		if err != nil {
			return err
		}
		switch t.Text {
		case ".const", ".global", ".local", ".shared", ".param":
		case ".align":
			if _, err := p.number("an alignment"); err != nil {
				return err
			}
		default:
			if t.Text[0] == '.' || v.kind == "" {
				return lex.Errorf(t.Line, "%v, want the name of a parameter", t)
			}
			v.align = alignment
			return p.extents(v, t)
		}
	}
}

// extents takes the name and reads the lengths of an array or the number of registers.
func (p *parser) extents(v *variable, t lex.Token) (err error) {
	v.name, v.line, v.count = t.Text, t.Line, 1
	if v.align == 0 {
		v.align = v.bytes
	}
	if p.take("<") {
		if v.registers, err = p.number("a number of registers"); err != nil {
			return err
		}
		return p.want(">")
	}
	for p.take("[") {
		n := 0
		if !p.peek().Is("]") {
			if n, err = p.number("the length of an array"); err != nil {
				return err
			}
		}
		if v.count *= n; v.count*v.bytes > maxBytes {
			return lex.Errorf(v.line, "%s has more than %d bytes", v.name, maxBytes)
		}
		if err := p.want("]"); err != nil {
			return err
		}
	}
	return nil
}

// initialisers reads a value, or values in braces.
func (p *parser) initialisers() ([]operand, error) {
	if !p.take("{") {
		v, err := p.value()
		return []operand{v}, err
	}
	if t := p.peek(); t.Is("{") {
		return nil, lex.Errorf(t.Line, "nested initial values are not translated")
	}
	return p.list("}")
}
