package main

import (
	"strconv"

	"duet/kernels/ptxinfo/syntax"
)

// ptxType is a fundamental type of PTX. A register holds bits; the type of an instruction says how it sees them.
type ptxType struct {
	name  string
	class byte // u s b f; h for the packed and small floats, which C++ sees as integers; p for pred
	bits  int
}

var pred = ptxType{"pred", 'p', 8}

// smallFloats are held in integers: their arithmetic is in ptx_half.h.
var smallFloats = map[string]int{"f16": 16, "bf16": 16, "tf32": 32, "f16x2": 32, "bf16x2": 32}

// typeNamed finds a type by the modifier that names it: f32.
func typeNamed(name string) (ptxType, bool) {
	if name == "pred" {
		return pred, true
	}
	if bits := smallFloats[name]; bits != 0 {
		return ptxType{name, 'h', bits}, true
	}
	if n := syntax.TypeBytes(name); n != 0 && n <= 8 {
		return ptxType{name, name[0], 8 * n}, true
	}
	return ptxType{}, false
}

func (t ptxType) bytes() int { return t.bits / 8 }

// float says whether C++ has the type as a floating-point one.
func (t ptxType) float() bool { return t.class == 'f' }

// cpp is the C++ type of the values.
func (t ptxType) cpp() string {
	switch {
	case t.class == 'p':
		return "bool"
	case t.class == 'f' && t.bits == 32:
		return "float"
	case t.class == 'f':
		return "double"
	case t.bits == 128 && t.class == 's':
		return "__int128"
	case t.bits == 128:
		return "unsigned __int128"
	case t.class == 's':
		return "int" + strconv.Itoa(t.bits) + "_t"
	}
	return "uint" + strconv.Itoa(t.bits) + "_t"
}

// as is an integer type of the same width, or twice it.
func (t ptxType) as(class byte, times int) ptxType {
	bits := t.bits * times
	return ptxType{string(class) + strconv.Itoa(bits), class, bits}
}

// related gives the types that a form of an instruction derives from its own, by the letters of forms.go.
func (t ptxType) related(letter byte) ptxType {
	switch letter {
	case 'U':
		return t.as('u', 1)
	case 'S':
		return t.as('s', 1)
	case 'W': // mul.wide: twice as wide
		return t.as(t.class, 2)
	case 'V':
		return t.as('u', 2)
	case 'u':
		return ptxType{"u32", 'u', 32}
	case 's':
		return ptxType{"s32", 's', 32}
	case 'f':
		return ptxType{"f32", 'f', 32}
	case 'q':
		return ptxType{"u64", 'u', 64}
	case 'p':
		return pred
	}
	return t
}
