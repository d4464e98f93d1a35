package main

// What parse.go makes of a text.

// module is a PTX text.
type module struct {
	file      string // its name, without folders
	variables []*variable
	functions []*function // with bodies
}

// variable is a declaration: of a register, of memory or of a parameter.
type variable struct {
	line      int
	space     string // reg shared global const local param
	kind      string // its type: u32
	name      string
	align     int
	count     int // elements; 0 for an array without a length
	bytes     int // of an element
	registers int // of %r<12>, 12; else 0
	values    []operand
}

func (v *variable) size() int { return v.count * v.bytes }

// function is an .entry or a .func.
type function struct {
	line    int
	name    string
	entry   bool
	results []*variable
	params  []*variable
	body    *block
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
