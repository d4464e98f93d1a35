// Package ptxinfo reads from a PTX text what a launch must agree with: the entries, their parameters and limits. It does
// not look at instructions. Syntax and sizes are those of the PTX ISA, chapters 4, 5 and 11.
package ptxinfo

import (
	"strconv"
	"strings"

	"duet/kernels/ptxinfo/lex"
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
}

// maxBytes limits what one declaration can claim: beyond it a size is a mistake, and sums stay far from overflow.
const maxBytes = 1 << 30

// Parse reads a PTX text. An error names the line.
func Parse(text string) (Module, error) {
	tokens, err := lex.Tokens(text)
	if err != nil {
		return Module{}, err
	}
	p := parser{tokens: tokens, scopes: map[string]*scope{}}
	if err := p.module(); err != nil {
		return Module{}, err
	}
	if p.found.Version == "" || p.found.Target == "" {
		return Module{}, lex.Errorf(1, "no .version and .target: not PTX")
	}
	for i := range p.found.Entries {
		e := &p.found.Entries[i]
		e.SharedBytes = p.shared(e.Name)
	}
	return p.found, nil
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

// TypeBytes is the size of a fundamental type (f32: 4), 0 for what is none.
func TypeBytes(t string) int {
	bits, err := strconv.Atoi(strings.TrimLeft(t, "busf"))
	if err != nil || len(t) < 2 || strings.IndexByte("busf", t[0]) < 0 || t[1] < '1' || t[1] > '9' {
		return 0
	}
	switch bits {
	case 8, 16, 32, 64:
		if t[0] != 'f' || bits > 8 {
			return bits / 8
		}
	case 128:
		if t[0] == 'b' {
			return 16
		}
	}
	return 0
}
