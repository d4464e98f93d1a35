package main

import (
	"fmt"
	"strconv"
	"strings"

	"duet/kernels/ptxinfo/lex"
)

// symbol is what a name of PTX stands for, and its name in the C++.
type symbol struct {
	variable *variable
	label    *label
	targets  *targets
	cpp      string
}

// scope is the names of a block, or of the module.
type scope struct {
	number int // 0 for a function's outermost, whose names keep their own
	names  map[string]*symbol
	ranges []*variable // %r<12>
}

func newScope(number int) *scope { return &scope{number: number, names: map[string]*symbol{}} }

func (s *scope) add(line int, name string, sym *symbol) error {
	if s.names[name] != nil {
		return lex.Errorf(line, "a second declaration of %s", name)
	}
	s.names[name] = sym
	return nil
}

// names gives C++ names, each once.
type names map[string]bool

// unique makes a name: r1 of %r1, v_ of v, r1_s2 of %r1 in scope 2. All end in a digit or underscore, so that none is a
// word of C++ or a name that the translator writes itself. Those of the module end in an underscore, so that none is a
// function of C's such as y1.
func (used names) unique(name string, scope int) string {
	var b strings.Builder
	for _, c := range []byte(strings.TrimPrefix(name, "%")) {
		if c == '$' || c == '%' || c == '.' {
			c = '_'
		}
		b.WriteByte(c)
	}
	text := b.String()
	if text == "" || '0' <= text[0] && text[0] <= '9' {
		text = "_" + text
	}
	if last := text[len(text)-1]; (last < '0' || last > '9') && last != '_' {
		text += "_"
	}
	if scope > 0 {
		text += fmt.Sprintf("_s%d", scope)
	}
	for base, n := text, 2; used[text]; n++ {
		text = fmt.Sprintf("%s_%d", base, n)
	}
	used[text] = true
	return text
}

// enter opens a block: everything it declares is known from its beginning, because branches go forwards.
func (e *emitter) enter(b *block) error {
	e.blocks++
	s := newScope(e.blocks - 1)
	e.scopes = append(e.scopes, s)
	for _, x := range b.statements {
		var err error
		switch x := x.(type) {
		case *label:
			err = s.add(x.line, x.name, &symbol{label: x, cpp: e.labels.unique(x.name, s.number)})
		case *targets:
			err = s.add(x.line, x.name, &symbol{targets: x})
		case *variable:
			if x.Registers > 0 {
				s.ranges = append(s.ranges, x)
				continue
			}
			err = s.add(x.Line, x.Name, &symbol{variable: x, cpp: e.names.unique(x.Name, s.number)})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) leave() { e.scopes = e.scopes[:len(e.scopes)-1] }

// find looks a name up from the innermost scope outwards.
func (e *emitter) find(name string) *symbol {
	for i := len(e.scopes) - 1; i >= 0; i-- {
		s := e.scopes[i]
		if sym := s.names[name]; sym != nil {
			return sym
		}
		for _, v := range s.ranges {
			digits, ok := strings.CutPrefix(name, v.Name)
			if n, err := strconv.Atoi(digits); !ok || err != nil || n >= v.Registers || digits != strconv.Itoa(n) {
				continue
			}
			sym := &symbol{variable: v, cpp: e.names.unique(name, s.number)}
			s.names[name] = sym
			return sym
		}
	}
	return e.t.names[name]
}

// register finds a register and its type, and has it declared.
func (e *emitter) register(line int, name string) (*symbol, ptxType, error) {
	sym := e.find(name)
	if sym == nil || sym.variable == nil || sym.variable.Space != "reg" {
		return nil, ptxType{}, lex.Errorf(line, "%s is no register", name)
	}
	t, ok := typeNamed(sym.variable.Type)
	if !ok {
		return nil, t, lex.Errorf(line, "a register of type %s", sym.variable.Type)
	}
	if !e.declared[sym.cpp] {
		e.declared[sym.cpp] = true
		e.registers[t.cpp()] = append(e.registers[t.cpp()], sym.cpp)
	}
	return sym, t, nil
}
