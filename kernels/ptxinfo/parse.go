package ptxinfo

import (
	"strconv"
	"strings"

	"duet/kernels/ptxinfo/lex"
)

type parser struct {
	tokens []lex.Token
	pos    int
	found  Module
	// scopes are the entries and functions by name; the module itself is under the empty name.
	scopes map[string]*scope
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

func (p *parser) number(what string) (int, error) {
	t := p.next()
	n, err := strconv.ParseUint(strings.TrimRight(t.Text, "U"), 0, 64)
	if t.Kind != lex.Number || err != nil || n > maxBytes {
		return 0, lex.Errorf(t.Line, "%v, want %s", t, what)
	}
	return int(n), nil
}

// module reads the directives at the top of a text.
func (p *parser) module() error {
	p.scopes[""] = newScope()
	public := false // the linkage that stands before a declaration
	for {
		t := p.next()
		if t.Kind == lex.End {
			return nil
		}
		var err error
		switch t.Text {
		case ".version":
			p.found.Version, err = p.version()
		case ".target":
			p.found.Target, err = p.target()
		case ".address_size":
			_, err = p.number("a size")
		case ".visible", ".weak":
			public = true
			continue
		case ".extern", ".common":
			continue
		case ".entry":
			err = p.entry(public)
		case ".func":
			err = p.function()
		case ".shared":
			err = p.variable(p.scopes[""])
		case ".const":
			err = p.constant()
		case ".global", ".tex", ".alias", ".pragma":
			err = p.skipTo(";")
		case ".file", ".loc":
			p.skipLine(t.Line)
		case ".section":
			if _, err = p.word("a section"); err == nil {
				err = p.body(newScope())
			}
		default:
			err = lex.Errorf(t.Line, "%v, want a directive", t)
		}
		if err != nil {
			return err
		}
		public = false
	}
}

// constant reads what follows .const. What is no single number from 0 to maxBytes is passed over.
func (p *parser) constant() error {
	v, err := p.declarator()
	if err != nil {
		return err
	}
	if p.take("=") && p.peek().Kind == lex.Number {
		if n, err := p.number("a number"); err == nil {
			if p.found.Constants == nil {
				p.found.Constants = map[string]int{}
			}
			p.found.Constants[v.name] = n
		}
	}
	return p.skipTo(";")
}

func (p *parser) version() (string, error) {
	t := p.next()
	major, minor, dot := strings.Cut(t.Text, ".")
	_, errMajor := strconv.ParseUint(major, 10, 16)
	_, errMinor := strconv.ParseUint(minor, 10, 16)
	if t.Kind != lex.Number || !dot || errMajor != nil || errMinor != nil {
		return "", lex.Errorf(t.Line, "%v, want a version such as 7.8", t)
	}
	return t.Text, nil
}

// target reads an architecture and passes over options such as texmode_independent and debug.
func (p *parser) target() (string, error) {
	t, err := p.word("an architecture")
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(t.Text, "sm_") {
		return "", lex.Errorf(t.Line, "%v, want an architecture such as sm_70", t)
	}
	for p.take(",") {
		if _, err := p.word("an option of the target"); err != nil {
			return "", err
		}
	}
	return t.Text, nil
}

// skipTo moves past the next such token.
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

func (p *parser) skipLine(line int) {
	for p.peek().Kind != lex.End && p.peek().Line == line {
		p.pos++
	}
}
