package main

import (
	"math"
	"strconv"
	"strings"

	"duet/kernels/ptxinfo/lex"
	"duet/kernels/ptxinfo/syntax"
)

// block reads a body. Blocks within blocks are put on a stack of their own: a text cannot exhaust ours.
func (p *parser) block() (*block, error) {
	if err := p.Want("{"); err != nil {
		return nil, err
	}
	outer := &block{line: p.Peek().Line}
	open := []*block{outer}
	for len(open) > 0 {
		b := open[len(open)-1]
		t := p.Peek()
		switch {
		case t.Kind == lex.End:
			return nil, lex.Errorf(t.Line, "%v inside a body", t)
		case p.Take("}"):
			open = open[:len(open)-1]
		case p.Take("{"):
			inner := &block{line: t.Line}
			b.statements = append(b.statements, inner)
			open = append(open, inner)
		case p.Take(";"):
		default:
			if err := p.statement(b); err != nil {
				return nil, err
			}
		}
	}
	return outer, nil
}

func (p *parser) statement(b *block) error {
	t := p.Peek()
	switch t.Text {
	case ".loc", ".file":
		p.SkipLine(t.Line)
		return nil
	case ".pragma": // says how fast, not what
		return p.SkipTo(";")
	case ".reg", ".shared", ".local", ".param", ".const", ".global":
		return p.declarations(b)
	}
	if t.Kind == lex.Word && p.Tokens[p.Pos+1].Is(":") {
		p.Pos += 2
		if p.Take(".branchtargets") {
			return p.targets(b, t)
		}
		b.statements = append(b.statements, &label{t.Line, t.Text})
		return nil
	}
	in, err := p.instruction()
	b.statements = append(b.statements, in)
	return err
}

func (p *parser) declarations(b *block) error {
	list, err := p.Variables(p.Next())
	for _, v := range list {
		b.statements = append(b.statements, v)
	}
	return err
}

func (p *parser) targets(b *block, t lex.Token) error {
	l := &targets{line: t.Line, name: t.Text}
	for more := true; more; more = p.Take(",") {
		t, err := p.Name("a label")
		if err != nil {
			return err
		}
		l.labels = append(l.labels, t.Text)
	}
	b.statements = append(b.statements, l)
	return p.Want(";")
}

// instruction reads one up to its semicolon. An error has the text of all of it.
func (p *parser) instruction() (*instruction, error) {
	in := &instruction{line: p.Peek().Line, first: p.Pos}
	if err := p.guarded(in); err != nil {
		for !p.Peek().Is(";") && p.Peek().Kind != lex.End {
			p.Pos++
		}
		in.last = min(p.Pos+1, len(p.Tokens)-1)
		return nil, &faulty{in, err}
	}
	in.last = p.Pos
	return in, nil
}

// guarded reads the parts of an instruction.
func (p *parser) guarded(in *instruction) error {
	if p.Take("@") {
		in.negated = p.Take("!")
		t, err := p.Name("a predicate")
		if err != nil {
			return err
		}
		in.guard = t.Text
	}
	t, err := p.Name("an instruction")
	if err != nil {
		return err
	}
	parts := strings.Split(t.Text, ".")
	in.opcode, in.modifiers = parts[0], parts[1:]
	for n := 0; !p.Take(";"); n++ {
		if n > 0 {
			if err := p.Want(","); err != nil {
				return err
			}
		}
		o, err := p.operand()
		if err != nil {
			return err
		}
		in.operands = append(in.operands, o)
	}
	return nil
}

// operand reads one, or a pair of them.
func (p *parser) operand() (operand, error) {
	o, err := p.single()
	if err != nil || !p.Take("|") {
		return o, err
	}
	second, err := p.value()
	return operand{kind: pair, list: []operand{o, second}}, err
}

func (p *parser) single() (operand, error) {
	switch {
	case p.Take("["):
		return p.address()
	case p.Take("{"):
		l, err := p.list("}")
		return operand{kind: vector, list: l}, err
	case p.Take("("):
		l, err := p.list(")")
		return operand{kind: list, list: l}, err
	}
	return p.value()
}

// list reads values up to a closing bracket.
func (p *parser) list(closing string) ([]operand, error) {
	var l []operand
	for !p.Take(closing) {
		if len(l) > 0 {
			if err := p.Want(","); err != nil {
				return nil, err
			}
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	return l, nil
}

func (p *parser) address() (operand, error) {
	o, err := p.value()
	if err != nil {
		return o, err
	}
	if o.kind != name && o.kind != integer || o.negated {
		return o, lex.Errorf(p.Peek().Line, "an address that is neither a name nor a number")
	}
	if o.kind == integer {
		o.offset, o.bits = int64(o.bits), 0
	}
	o.kind = address
	return o, p.Want("]")
}

// value reads a name or a constant: %r1 !%p1 table+4 -1 0f3F800000.
func (p *parser) value() (operand, error) {
	o := operand{}
	o.negated = p.Take("!")
	minus := !o.negated && p.Take("-")
	t := p.Next()
	switch {
	case t.Kind == lex.Word && t.Text[0] != '.' && !minus:
		o.text = t.Text
		if !p.Peek().Is("+") && !p.Peek().Is("-") {
			return o, nil
		}
		return o, p.offset(&o)
	case t.Kind == lex.Number && !o.negated:
		return constant(t, minus)
	}
	return o, lex.Errorf(t.Line, "%v, want an operand", t)
}

// offset reads what follows a name: +4, -4 or +-4.
func (p *parser) offset(o *operand) error {
	minus := p.Next().Is("-")
	if !minus {
		minus = p.Take("-")
	}
	t := p.Next()
	n, err := syntax.Integer(t)
	if err != nil {
		return lex.Errorf(t.Line, "%v, want an offset", t)
	}
	if o.offset = int64(n); minus {
		o.offset = -o.offset
	}
	return nil
}

// constant reads a number: integers as 64 bits, floats in hexadecimal (0f, 0d) or decimal.
func constant(t lex.Token, minus bool) (operand, error) {
	wrong := lex.Errorf(t.Line, "%v, want a number", t)
	if len(t.Text) > 2 && t.Text[0] == '0' && strings.IndexByte("fFdD", t.Text[1]) >= 0 {
		o, digits := operand{kind: float}, 8
		if t.Text[1]|' ' == 'd' {
			o.kind, digits = double, 16
		}
		bits, err := strconv.ParseUint(t.Text[2:], 16, 64)
		if err != nil || len(t.Text) != 2+digits {
			return o, wrong
		}
		if o.bits = bits; minus {
			o.bits ^= 1 << (4*digits - 1)
		}
		return o, nil
	}
	if strings.Contains(t.Text, ".") {
		x, err := strconv.ParseFloat(t.Text, 64)
		if err != nil {
			return operand{}, wrong
		}
		if minus {
			x = -x
		}
		return operand{kind: double, bits: math.Float64bits(x)}, nil
	}
	n, err := syntax.Integer(t)
	if err != nil {
		return operand{}, wrong
	}
	if minus {
		n = -n
	}
	return operand{kind: integer, bits: n}, nil
}
