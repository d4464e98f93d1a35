package syntax

import (
	"strconv"
	"strings"

	"duet/kernels/ptxinfo/lex"
)

// Variable is a declaration: of a register, of memory or of a parameter.
type Variable struct {
	Line      int
	Space     string // reg shared global const local param
	Type      string // u32
	Name      string
	Align     int
	Count     int // elements; 0 for an array without a length
	Bytes     int // of an element
	Offset    int // of a parameter, behind those before it
	Registers int // of %r<12>, 12; else 0
	Init      int // the token with which the initial values begin; 0 where there are none
}

// Size is the bytes of all elements.
func (v *Variable) Size() int { return v.Count * v.Bytes }

// maxAlign limits alignments: beyond it one is a mistake.
const maxAlign = 1024

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

// otherBytes are the sizes of the types that are not fundamental.
var otherBytes = map[string]int{"pred": 1, "bf16": 2, "tf32": 4, "f16x2": 4, "bf16x2": 4}

// Variables reads a declaration after its state space, up to the semicolon. Only registers come as a list: .reg .b32 a,
// b.
func (c *Cursor) Variables(space lex.Token) ([]*Variable, error) {
	first := &Variable{Space: space.Text[1:]}
	if err := c.declarator(first); err != nil {
		return nil, err
	}
	list := []*Variable{first}
	for first.Space == "reg" && c.Take(",") {
		t, err := c.Name("a register")
		if err != nil {
			return nil, err
		}
		v := &Variable{Space: first.Space, Type: first.Type, Align: first.Align, Bytes: first.Bytes}
		if err := c.extents(v, t); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	// Registers and shared memory have no initial values.
	if first.Space != "reg" && first.Space != "shared" && c.Take("=") {
		first.Init = c.Pos
		return list, c.SkipTo(";")
	}
	return list, c.Want(";")
}

// declarator reads a variable or parameter after its state space: .align 16 .b8 name[64][4].
func (c *Cursor) declarator(v *Variable) error {
	for {
		t, err := c.Word("a type")
		if err != nil {
			return err
		}
		switch {
		case t.Is(".align"):
			if v.Align, err = c.Number("an alignment"); err != nil {
				return err
			}
			if v.Align < 1 || v.Align > maxAlign || v.Align&(v.Align-1) != 0 {
				return lex.Errorf(t.Line, "an alignment of %d, want a power of two up to %d", v.Align, maxAlign)
			}
		case t.Is(".ptr"):
			return c.pointer(v)
		case t.Text[0] == '.' && v.Type == "":
			v.Type = t.Text[1:]
			if v.Bytes = TypeBytes(v.Type) + otherBytes[v.Type]; v.Bytes == 0 {
				return lex.Errorf(t.Line, "%v, want a type and a name", t)
			}
		default:
			return c.extents(v, t)
		}
	}
}

// pointer reads what a parameter points to: its space and its alignment, which is not the parameter's own; and the
// name.
func (c *Cursor) pointer(v *Variable) error {
	for {
		t, err := c.Word("the name of a parameter")
		if err != nil {
			return err
		}
		switch t.Text {
		case ".const", ".global", ".local", ".shared", ".param":
		case ".align":
			if _, err := c.Number("an alignment"); err != nil {
				return err
			}
		default:
			return c.extents(v, t)
		}
	}
}

// extents takes the name and reads the number of registers or the lengths of an array.
func (c *Cursor) extents(v *Variable, name lex.Token) (err error) {
	if v.Type == "" || name.Text[0] == '.' {
		return lex.Errorf(name.Line, "%v, want a type and a name", name)
	}
	v.Name, v.Line, v.Count = name.Text, name.Line, 1
	if v.Align == 0 {
		v.Align = v.Bytes
	}
	if v.Space == "reg" && c.Take("<") {
		if v.Registers, err = c.Number("a number of registers"); err != nil {
			return err
		}
		return c.Want(">")
	}
	for c.Take("[") {
		n := 0 // the array without a length that nvcc makes of dynamic shared memory
		if !c.Peek().Is("]") {
			if n, err = c.Number("the length of an array"); err != nil {
				return err
			}
		}
		if v.Count *= n; v.Size() > MaxBytes {
			return lex.Errorf(v.Line, "%s has more than %d bytes", v.Name, MaxBytes)
		}
		if err := c.Want("]"); err != nil {
			return err
		}
	}
	return nil
}
