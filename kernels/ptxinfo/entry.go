package ptxinfo

import (
	"duet/kernels/ptxinfo/lex"
)

// entry reads what follows .entry: the name, the parameters, limits and the body.
func (p *parser) entry(public bool) error {
	name, err := p.word("the name of an entry")
	if err != nil {
		return err
	}
	if p.scopes[name.Text] != nil {
		return lex.Errorf(name.Line, "a second definition of %s", name.Text)
	}
	e := Entry{Name: name.Text}
	if p.take("(") {
		if e.Params, err = p.params(); err != nil {
			return err
		}
	}
	if e.MaxThreads, err = p.limits(); err != nil {
		return err
	}
	s := newScope()
	p.scopes[e.Name] = s
	if public {
		p.found.Entries = append(p.found.Entries, e)
	}
	if p.take(";") { // a declaration, allowed with .extern
		return nil
	}
	return p.body(s)
}

// params reads parameters up to the closing bracket.
func (p *parser) params() ([]Param, error) {
	var params []Param
	if p.take(")") {
		return nil, nil
	}
	offset := 0
	for {
		if err := p.want(".param"); err != nil {
			return nil, err
		}
		v, err := p.declarator()
		if err != nil {
			return nil, err
		}
		offset = (offset + v.align - 1) / v.align * v.align
		params = append(params, Param{Type: v.kind, Bytes: v.bytes, Align: v.align, Offset: offset})
		if offset += v.bytes; offset > maxBytes {
			return nil, lex.Errorf(p.peek().Line, "parameters of more than %d bytes", maxBytes)
		}
		if p.take(")") {
			return params, nil
		}
		if err := p.want(","); err != nil {
			return nil, err
		}
	}
}

// limits reads the performance directives between an entry's parameters and its body. Of .maxntid and .reqntid it
// gives the number of threads.
func (p *parser) limits() (int, error) {
	threads := 0
	for {
		t := p.peek()
		switch {
		case t.Is("{") || t.Is(";"):
			return threads, nil
		case t.Is(".maxntid") || t.Is(".reqntid"):
			p.pos++
			threads = 1
			for more := true; more; more = p.take(",") {
				n, err := p.number("a number of threads")
				if err != nil {
					return 0, err
				}
				if n < 1 || threads*n > maxBytes {
					return 0, lex.Errorf(t.Line, "%s of %d times %d threads", t.Text, threads, n)
				}
				threads *= n
			}
		case t.Is(".maxnreg") || t.Is(".minnctapersm") || t.Is(".maxnctapersm"):
			p.pos++
			if _, err := p.number("a number"); err != nil {
				return 0, err
			}
		case t.Is(".noreturn"):
			p.pos++
		case t.Is(".pragma"):
			if err := p.skipTo(";"); err != nil {
				return 0, err
			}
		default:
			return 0, lex.Errorf(t.Line, "%v, want a limit or the body of an entry", t)
		}
	}
}

// function reads what follows .func. Its parameters do not matter, its shared memory and calls do.
func (p *parser) function() error {
	if p.take("(") {
		if err := p.skipTo(")"); err != nil {
			return err
		}
	}
	name, err := p.word("the name of a function")
	if err != nil {
		return err
	}
	for !p.peek().Is("{") {
		if t := p.next(); t.Is(";") {
			return nil // a declaration
		} else if t.Kind == lex.End {
			return lex.Errorf(t.Line, "%v, want the body of %s", t, name.Text)
		}
	}
	s := newScope()
	p.scopes[name.Text] = s
	return p.body(s)
}
