package main

import "duet/kernels/ptxinfo/syntax"

// What parse.go makes of a text.

// module is a PTX text.
type module struct {
	*syntax.Module
	file      string // its name, without folders
	functions []*function
}

type variable = syntax.Variable

// function is an .entry or a .func.
type function struct {
	*syntax.Function
	body *block
}

// block is what stands between braces, names and labels of which are its own.
type block struct {
	line       int
	statements []any // *variable, *label, *targets, *block, *instruction
}

type label struct {
	line int
	name string
}

// targets is a list of labels that brx.idx can go to.
type targets struct {
	line   int
	name   string
	labels []string
}

// instruction is one, with the predicate that it is executed under.
type instruction struct {
	line      int
	first     int // its tokens, for its text
	last      int
	guard     string // a register; empty for none
	negated   bool   // executed when the guard is false
	opcode    string
	modifiers []string
	operands  []operand
}

type operandKind uint8

const (
	name    operandKind = iota // a register, a variable, a label; with offset a variable's address
	integer                    // bits
	float                      // bits of an f32
	double                     // bits of an f64
	address                    // [name+offset] or [offset]
	vector                     // {list}
	list                       // (list)
	pair                       // list[0] | list[1]
)

type operand struct {
	kind    operandKind
	text    string // a name
	negated bool   // !name
	bits    uint64
	offset  int64
	list    []operand
}
