package ptxinfo

import (
	"duet/kernels/ptxinfo/lex"
)

// scope is what a body declares and names.
type scope struct {
	shared []variable
	uses   map[string]bool // every word of the body
}

func newScope() *scope { return &scope{uses: map[string]bool{}} }

type variable struct {
	name, kind   string
	bytes, align int
}

// body reads from { to its }, noting shared variables and all words.
func (p *parser) body(s *scope) error {
	if err := p.want("{"); err != nil {
		return err
	}
	for depth := 1; depth > 0; {
		t := p.next()
		switch {
		case t.Kind == lex.End:
			return lex.Errorf(t.Line, "%v inside a body", t)
		case t.Is("{"):
			depth++
		case t.Is("}"):
			depth--
		case t.Is(".shared"):
			if err := p.variable(s); err != nil {
				return err
			}
		case t.Kind == lex.Word:
			s.uses[t.Text] = true
		}
	}
	return nil
}

// variable reads a declaration of shared variables up to its semicolon. The array without a length that nvcc makes of
// dynamic shared memory counts for nothing.
func (p *parser) variable(s *scope) error {
	v, err := p.declarator()
	if err != nil {
		return err
	}
	s.shared = append(s.shared, v)
	return p.want(";")
}

// declarator reads a variable or parameter after its state space: .align 16 .b8 name[64][4].
func (p *parser) declarator() (variable, error) {
	var v variable
	for {
		t, err := p.word("a type")
		if err != nil {
			return v, err
		}
		switch t.Text {
		case ".align":
			if v.align, err = p.number("an alignment"); err != nil {
				return v, err
			}
			if v.align < 1 || v.align&(v.align-1) != 0 {
				return v, lex.Errorf(t.Line, "an alignment of %d, want a power of two", v.align)
			}
			continue
		case ".ptr": // what a parameter points to: its space and its alignment, which is not the parameter's own
			return p.pointer(v)
		}
		if v.kind == "" && t.Text[0] == '.' {
			if v.bytes = TypeBytes(t.Text[1:]); v.bytes == 0 {
				return v, lex.Errorf(t.Line, "%s, want a type", t.Text)
			}
			v.kind = t.Text[1:]
			continue
		}
		return p.extents(v, t)
	}
}

// pointer reads the attributes of a pointer and the parameter's name.
func (p *parser) pointer(v variable) (variable, error) {
	for {
		t, err := p.word("the name of a parameter")
		if err != nil {
			return v, err
		}
		switch t.Text {
		case ".const", ".global", ".local", ".shared", ".param":
		case ".align":
			if _, err := p.number("an alignment"); err != nil {
				return v, err
			}
		default:
			return p.extents(v, t)
		}
	}
}

// extents takes the name and reads the lengths of an array.
func (p *parser) extents(v variable, name lex.Token) (variable, error) {
	if v.kind == "" || name.Text[0] == '.' {
		return v, lex.Errorf(name.Line, "%v, want a type and a name", name)
	}
	v.name = name.Text
	if v.align == 0 {
		v.align = v.bytes
	}
	for p.take("[") {
		if p.take("]") {
			v.bytes = 0
			continue
		}
		n, err := p.number("the length of an array")
		if err != nil {
			return v, err
		}
		if v.bytes *= n; v.bytes > maxBytes {
			return v, lex.Errorf(name.Line, "%s has more than %d bytes", v.name, maxBytes)
		}
		if err := p.want("]"); err != nil {
			return v, err
		}
	}
	return v, nil
}

// shared is the static shared memory of an entry: what it declares, and what it or a function that it may call takes of
// the module's.
func (p *parser) shared(entry string) int {
	reached := map[string]bool{}
	names := map[string]bool{}
	todo := []string{entry}
	bytes := 0
	add := func(v variable) {
		if v.bytes > 0 {
			bytes = (bytes+v.align-1)/v.align*v.align + v.bytes
		}
	}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		s := p.scopes[name]
		if s == nil || name == "" || reached[name] {
			continue
		}
		reached[name] = true
		for _, v := range s.shared {
			add(v)
		}
		for word := range s.uses {
			names[word] = true
			if p.scopes[word] != nil {
				todo = append(todo, word)
			}
		}
	}
	for _, v := range p.scopes[""].shared {
		if names[v.name] {
			add(v)
		}
	}
	return bytes
}
