package main

import (
	"duet/kernels/ptxinfo"
	"duet/kernels/ptxinfo/lex"
)

// maxBytes limits what a declaration can claim, as in ptxinfo.
const maxBytes = 1 << 30

type parser struct {
	tokens []lex.Token
	pos    int
}

func (p *parser) peek() lex.Token { return p.tokens[p.pos] }

// next takes a token; the end can be taken again and again.
func (p *parser) next() lex.Token {
	t := p.tokens[p.pos]
	if t.Kind != lex.End {
		p.pos++
	}
	return t
}

func (p *parser) take(text string) bool {
	if p.peek().Is(text) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) want(text string) error {
	if t := p.next(); !t.Is(text) {
		return lex.Errorf(t.Line, "%v, want %q", t, text)
	}
	return nil
}

func (p *parser) word(what string) (lex.Token, error) {
	t := p.next()
	if t.Kind != lex.Word {
		return t, lex.Errorf(t.Line, "%v, want %s", t, what)
	}
	return t, nil
}

// name is a word that is no directive.
func (p *parser) name(what string) (lex.Token, error) {
	t, err := p.word(what)
	if err == nil && t.Text[0] == '.' {
		return t, lex.Errorf(t.Line, "%v, want %s", t, what)
	}
	return t, err
}

func (p *parser) number(what string) (int, error) {
	t := p.next()
	n, err := parseInteger(t)
	if err != nil || n > maxBytes {
		return 0, lex.Errorf(t.Line, "%v, want %s", t, what)
	}
	return int(n), nil
}

func (p *parser) skipLine(line int) {
	for p.peek().Kind != lex.End && p.peek().Line == line {
		p.pos++
	}
}

func (p *parser) skipTo(text string) error {
	for {
		t := p.next()
		if t.Is(text) {
			return nil
		}
		if t.Kind == lex.End {
			return lex.Errorf(t.Line, "%v, want %q", t, text)
		}
	}
}

// parse reads a text that ptxinfo has found to be PTX.
func parse(file, text string) (*module, []lex.Token, error) {
	if _, err := ptxinfo.Parse(text); err != nil {
		return nil, nil, err
	}
	tokens, err := lex.Tokens(text)
	if err != nil {
		return nil, nil, err
	}
	p := parser{tokens: tokens}
	m := &module{file: file}
	for p.peek().Kind != lex.End {
		if err := p.directive(m); err != nil {
			return nil, tokens, err
		}
	}
	return m, tokens, nil
}

// directive reads one at the top of a text.
func (p *parser) directive(m *module) error {
	t := p.next()
	switch t.Text {
	case ".version", ".target", ".address_size", ".file", ".loc":
		p.skipLine(t.Line)
	case ".visible", ".weak", ".extern", ".common": // linkage, before a declaration
	case ".pragma", ".alias":
		return p.skipTo(";")
	case ".entry", ".func":
		f, err := p.function(t)
		if err == nil && f.body != nil {
			m.functions = append(m.functions, f)
		}
		return err
	case ".shared", ".global", ".const":
		v, err := p.variable(t)
		if err == nil {
			m.variables = append(m.variables, v)
		}
		return err
	case ".section":
		if _, err := p.word("a section"); err != nil {
			return err
		}
		if err := p.want("{"); err != nil {
			return err
		}
		return p.skipTo("}")
	default:
		return lex.Errorf(t.Line, "%v, want a directive", t)
	}
	return nil
}

// function reads what follows .entry or .func; body is nil for a declaration.
func (p *parser) function(keyword lex.Token) (*function, error) {
	f := &function{line: keyword.Line, entry: keyword.Is(".entry")}
	var err error
	if p.peek().Is("(") {
		if f.results, err = p.params(); err != nil {
			return nil, err
		}
	}
	t, err := p.name("the name of a function")
	if err != nil {
		return nil, err
	}
	f.name = t.Text
	if p.peek().Is("(") {
		if f.params, err = p.params(); err != nil {
			return nil, err
		}
	}
	if err := p.limits(); err != nil {
		return nil, err
	}
	if p.take(";") {
		return f, nil
	}
	f.body, err = p.block()
	return f, err
}

// limits reads over the performance directives before a body, which ptxinfo gives to the driver.
func (p *parser) limits() error {
	for {
		t := p.peek()
		switch t.Text {
		case "{", ";":
			return nil
		case ".pragma":
			if err := p.skipTo(";"); err != nil {
				return err
			}
		case ".noreturn":
			p.pos++
		case ".maxntid", ".reqntid", ".maxnreg", ".minnctapersm", ".maxnctapersm":
			p.pos++
			for more := true; more; more = p.take(",") {
				if _, err := p.number("a number"); err != nil {
					return err
				}
			}
		default:
			return lex.Errorf(t.Line, "%v, want a limit or a body", t)
		}
	}
}

// params reads a bracketed list of parameters.
func (p *parser) params() ([]*variable, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	var params []*variable
	for !p.take(")") {
		if len(params) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		if err := p.want(".param"); err != nil {
			return nil, err
		}
		v := &variable{space: "param"}
		if err := p.declarator(v); err != nil {
			return nil, err
		}
		params = append(params, v)
	}
	return params, nil
}

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

// initialisers reads a value, or values in braces, nested as the array is; all rows but the last must be full.
func (p *parser) initialisers() ([]operand, error) {
	if !p.take("{") {
		v, err := p.value()
		return []operand{v}, err
	}
	var values []operand
	for !p.take("}") {
		if len(values) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		more, err := p.nested()
		if err != nil {
			return nil, err
		}
		values = append(values, more...)
	}
	return values, nil
}

func (p *parser) nested() ([]operand, error) {
	if t := p.peek(); t.Is("{") {
		return nil, lex.Errorf(t.Line, "nested initial values are not translated")
	}
	v, err := p.value()
	return []operand{v}, err
}
