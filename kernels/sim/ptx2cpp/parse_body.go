package main

import (
	"math"
	"strconv"
	"strings"

	"duet/kernels/ptxinfo/lex"
)

// block reads a body. Blocks within blocks are put on a stack of their own: a text cannot exhaust ours.
func (p *parser) block() (*block, error) {
	if err := p.want("{"); err != nil {
		return nil, err
	}
	outer := &block{line: p.peek().Line}
	open := []*block{outer}
	for len(open) > 0 {
		b := open[len(open)-1]
		t := p.peek()
		switch {
		case t.Kind == lex.End:
			return nil, lex.Errorf(t.Line, "%v inside a body", t)
		case p.take("}"):
			open = open[:len(open)-1]
		case p.take("{"):
			inner := &block{line: t.Line}
			b.statements = append(b.statements, inner)
			open = append(open, inner)
		case p.take(";"):
		default:
			if err := p.statement(b); err != nil {
				return nil, err
			}
		}
	}
	return outer, nil
}

func (p *parser) statement(b *block) error {
	t := p.peek()
	switch t.Text {
	case ".loc", ".file":
		p.skipLine(t.Line)
		return nil
	case ".pragma": // says how fast, not what
		return p.skipTo(";")
	case ".reg", ".shared", ".local", ".param", ".const", ".global":
		return p.declarations(b)
	}
	if t.Kind == lex.Word && p.tokens[p.pos+1].Is(":") {
		p.pos += 2
		if p.take(".branchtargets") {
			return p.targets(b, t)
		}
		b.statements = append(b.statements, &label{t.Line, t.Text})
		return nil
	}
	in, err := p.instruction()
	b.statements = append(b.statements, in)
	return err
}

// declarations reads one, or registers in a list: .reg .b32 a, b.
func (p *parser) declarations(b *block) error {
	space := p.next()
	v := &variable{space: space.Text[1:]}
	if v.space != "reg" {
		v, err := p.variable(space)
		b.statements = append(b.statements, v)
		return err
	}
	if err := p.declarator(v); err != nil {
		return err
	}
	b.statements = append(b.statements, v)
	for p.take(",") {
		t, err := p.name("a register")
		if err != nil {
			return err
		}
		next := &variable{space: v.space, kind: v.kind, align: v.align, bytes: v.bytes}
		if err := p.extents(next, t); err != nil {
			return err
		}
		b.statements = append(b.statements, next)
	}
	return p.want(";")
}

func (p *parser) targets(b *block, t lex.Token) error {
	l := &targets{line: t.Line, name: t.Text}
	for more := true; more; more = p.take(",") {
		t, err := p.name("a label")
		if err != nil {
			return err
		}
		l.labels = append(l.labels, t.Text)
	}
	b.statements = append(b.statements, l)
	return p.want(";")
}

// instruction reads one up to its semicolon. An error has the text of all of it.
func (p *parser) instruction() (*instruction, error) {
	in := &instruction{line: p.peek().Line, first: p.pos}
	if err := p.guarded(in); err != nil {
		for !p.peek().Is(";") && p.peek().Kind != lex.End {
			p.pos++
		}
		in.last = min(p.pos+1, len(p.tokens)-1)
		return nil, &faulty{in, err}
	}
	in.last = p.pos
	return in, nil
}

// guarded reads the parts of an instruction.
func (p *parser) guarded(in *instruction) error {
	if p.take("@") {
		in.negated = p.take("!")
		t, err := p.name("a predicate")
		if err != nil {
			return err
		}
		in.guard = t.Text
	}
	t, err := p.name("an instruction")
	if err != nil {
		return err
	}
	parts := strings.Split(t.Text, ".")
	in.opcode, in.modifiers = parts[0], parts[1:]
	for n := 0; !p.take(";"); n++ {
		if n > 0 {
			if err := p.want(","); err != nil {
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
	if err != nil || !p.take("|") {
		return o, err
	}
	second, err := p.value()
	return operand{kind: pair, list: []operand{o, second}}, err
}

func (p *parser) single() (operand, error) {
	switch {
	case p.take("["):
		return p.address()
	case p.take("{"):
		l, err := p.list("}")
		return operand{kind: vector, list: l}, err
	case p.take("("):
		l, err := p.list(")")
		return operand{kind: list, list: l}, err
	}
	return p.value()
}

// list reads values up to a closing bracket.
func (p *parser) list(closing string) ([]operand, error) {
	var l []operand
	for !p.take(closing) {
		if len(l) > 0 {
			if err := p.want(","); err != nil {
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
		return o, lex.Errorf(p.peek().Line, "an address that is neither a name nor a number")
	}
	if o.kind == integer {
		o.offset, o.bits = int64(o.bits), 0
	}
	o.kind = address
	return o, p.want("]")
}

// value reads a name or a constant: %r1 !%p1 table+4 -1 0f3F800000.
func (p *parser) value() (operand, error) {
	o := operand{}
	o.negated = p.take("!")
	minus := !o.negated && p.take("-")
	t := p.next()
	switch {
	case t.Kind == lex.Word && t.Text[0] != '.' && !minus:
		o.text = t.Text
		if !p.peek().Is("+") && !p.peek().Is("-") {
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
	minus := p.next().Is("-")
	if !minus {
		minus = p.take("-")
	}
	t := p.next()
	n, err := parseInteger(t)
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
	n, err := parseInteger(t)
	if err != nil {
		return operand{}, wrong
	}
	if minus {
		n = -n
	}
	return operand{kind: integer, bits: n}, nil
}

// parseInteger reads a literal without its sign: 12 12U 0x1f 017 0b101.
func parseInteger(t lex.Token) (uint64, error) {
	if t.Kind != lex.Number {
		return 0, strconv.ErrSyntax
	}
	if strings.Contains(t.Text, "_") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(strings.TrimSuffix(t.Text, "U"), 0, 64)
}
