// Package ptxinfo reads from a PTX text what a launch must agree with: the entries, their parameters and limits. It
// does not look at instructions. The syntax is package syntax's.
package ptxinfo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"duet/kernels/ptxinfo/lex"
	"duet/kernels/ptxinfo/syntax"
)

// Module is what a PTX text declares.
type Module struct {
	Version string // of the PTX language: 7.8
	Target  string // the lowest architecture that it runs on: sm_70
	Entries []Entry

	Constants map[string]int // values of the module's .const variables that are one number, by name; nil where none is
}

// Entry is a kernel that a program can launch.
type Entry struct {
	Name        string
	Params      []Param
	MaxThreads  int // threads a block at most, 0 where the text does not say
	SharedBytes int // static shared memory of a block
}

// Param is a parameter of an entry. A struct passed by value is of type b8 with the bytes of the struct.
type Param struct {
	Type   string // u64, f32, b8, ...: PTX does not tell a pointer from an integer
	Bytes  int
	Align  int
	Offset int // in the entry's parameter block

	Loads []Load // of a struct, from which the fields can be told that the kernel knows, by their offset
}

// Load is a place in a struct that a kernel reads, and as what.
type Load struct {
	Offset int
	Type   string // u32, f32, b64, ...
}

// Parse reads a PTX text. An error names the line.
func Parse(text string) (Module, error) {
	m, err := syntax.Parse(text)
	if err != nil {
		return Module{}, err
	}
	found := Module{Version: m.Version, Target: m.Target, Constants: constants(m)}
	scopes, err := scopesOf(m)
	if err != nil {
		return Module{}, err
	}
	for _, f := range m.Functions {
		if !f.Entry || !f.Visible {
			continue
		}
		e := Entry{Name: f.Name, MaxThreads: f.MaxThreads, SharedBytes: shared(m, scopes, f.Name)}
		for _, v := range f.Params {
			p := Param{Type: v.Type, Bytes: v.Size(), Align: v.Align, Offset: v.Offset}
			if v.Type == "b8" {
				if p.Loads, err = loads(m, f, v.Name); err != nil {
					return Module{}, err
				}
			}
			e.Params = append(e.Params, p)
		}
		found.Entries = append(found.Entries, e)
	}
	return found, nil
}

// loads are where the body of a function reads a parameter: ld.param.u32 %r1, [name+12], or several elements at once,
// ld.param.v2.u32 {%r1, %r2}, [name+8].
func loads(m *syntax.Module, f *syntax.Function, param string) ([]Load, error) {
	seen := map[Load]bool{}
	for c := m.At(f.Body); c.Pos < f.End; {
		t := c.Next()
		kind, is := strings.CutPrefix(t.Text, "ld.param.")
		if t.Kind != lex.Word || !is {
			continue
		}
		count := 1
		for _, n := range []int{2, 4} {
			if element, vector := strings.CutPrefix(kind, fmt.Sprintf("v%d.", n)); vector {
				count, kind = n, element
			}
		}
		for c.Pos < f.End && !c.Take("[") {
			c.Next()
		}
		if !c.Take(param) {
			continue
		}
		at := 0
		if c.Take("+") {
			var err error
			if at, err = c.Number("an offset"); err != nil {
				return nil, err
			}
		}
		for i := range count {
			seen[Load{at + i*syntax.TypeBytes(kind), kind}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b Load) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Type, b.Type))
	}), nil
}

// constants passes over what is no single number from 0 to syntax.MaxBytes.
func constants(m *syntax.Module) map[string]int {
	var found map[string]int
	for _, v := range m.Variables {
		if v.Space != "const" || v.Init == 0 {
			continue
		}
		c := m.At(v.Init)
		if n, err := c.Number("a number"); err == nil && c.Peek().Is(";") {
			if found == nil {
				found = map[string]int{}
			}
			found[v.Name] = n
		}
	}
	return found
}

// Entry finds an entry by its name.
func (m Module) Entry(name string) (Entry, bool) {
	for _, e := range m.Entries {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// scope is what a body declares and names.
type scope struct {
	shared []*syntax.Variable
	uses   map[string]bool // every word of the body
}

// scopesOf are the entries and functions by name.
func scopesOf(m *syntax.Module) (map[string]*scope, error) {
	scopes := map[string]*scope{}
	for _, f := range m.Functions {
		s := &scope{uses: map[string]bool{}}
		scopes[f.Name] = s
		for c := m.At(f.Body); c.Pos < f.End; {
			t := c.Next()
			if t.Is(".shared") {
				v, err := c.Variables(t)
				if err != nil {
					return nil, err
				}
				s.shared = append(s.shared, v...)
			} else if t.Kind == lex.Word {
				s.uses[t.Text] = true
			}
		}
	}
	return scopes, nil
}

// shared is the static shared memory of an entry: what it declares, and what it or a function that it may call takes of
// the module's. Dynamic shared memory, an array without a length, counts for nothing.
func shared(m *syntax.Module, scopes map[string]*scope, entry string) int {
	reached := map[string]bool{}
	names := map[string]bool{}
	todo := []string{entry}
	bytes := 0
	add := func(v *syntax.Variable) {
		if v.Size() > 0 {
			bytes = (bytes+v.Align-1)/v.Align*v.Align + v.Size()
		}
	}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		s := scopes[name]
		if s == nil || reached[name] {
			continue
		}
		reached[name] = true
		for _, v := range s.shared {
			add(v)
		}
		for word := range s.uses {
			names[word] = true
			if scopes[word] != nil {
				todo = append(todo, word)
			}
		}
	}
	for _, v := range m.Variables {
		if v.Space == "shared" && names[v.Name] {
			add(v)
		}
	}
	return bytes
}
