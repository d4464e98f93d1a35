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
