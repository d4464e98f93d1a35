package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"duet/kernels/ptxinfo/lex"
	"duet/kernels/ptxinfo/syntax"
)

// emitter writes one function.
type emitter struct {
	t         *translator
	f         *function
	scopes    []*scope
	blocks    int // entered so far
	names     names
	labels    names
	declared  map[string]bool
	registers map[string][]string // by C++ type
	memory    bytes.Buffer        // declarations of local memory and call parameters
	body      bytes.Buffer
	offsets   map[*variable]int
	shared    int // bytes of static shared memory
	slots     map[slotKey]int
	carry     bool // the carry flag is used
}

// handler translates an instruction to statements.
type handler func(e *emitter, in *instruction) (string, error)

func (e *emitter) function() error {
	e.offsets, e.shared = e.t.place(e.f)
	params := newScope(0)
	for _, v := range append(slices.Clone(e.f.Results), e.f.Params...) {
		if err := params.add(v.Line, v.Name, &symbol{variable: v, cpp: e.names.unique(v.Name, 0)}); err != nil {
			return err
		}
	}
	e.scopes = []*scope{params}
	if err := e.block(e.f.body); err != nil {
		return err
	}
	e.t.printf("\nstatic void %s {\n", e.t.signature(e.f, func(v *variable) string { return params.names[v.Name].cpp }))
	e.t.printf("    const sim::Thread &thread = *sim::thread;\n    const sim::Block &block = *sim::block;\n    " +
		"(void)thread, (void)block;\n")
	if e.f.Entry {
		for i, v := range e.f.Params {
			e.t.printf("    char *const %s = (char *)arguments[%d];\n    (void)%[1]s;\n", params.names[v.Name].cpp, i)
		}
	}
	if e.carry {
		e.t.printf("    bool carry = false;\n")
	}
	e.declarations()
	e.t.out.Write(e.memory.Bytes())
	e.t.out.Write(e.body.Bytes())
	e.t.printf("}\n")
	if e.f.Entry {
		return e.entry()
	}
	return nil
}

// declarations writes the registers, some on a line. They begin as zeros, which costs nothing where they are written.
func (e *emitter) declarations() {
	for _, kind := range slices.Sorted(maps.Keys(e.registers)) {
		for part := range slices.Chunk(e.registers[kind], 20) {
			e.t.printf("    %s %s{};\n", kind, strings.Join(part, "{}, "))
		}
	}
}

// entry enters a kernel into the table.
func (e *emitter) entry() error {
	var list []string
	for _, v := range e.f.Params {
		role := "value"
		if v.Size() == 8 && syntax.TypeBytes(v.Type) == 8 {
			role = "unknown"
		}
		list = append(list, fmt.Sprintf("{%d, %d, sim::Role::%s}", v.Size(), v.Align, role))
	}
	e.t.printf("static_assert(%d <= sim::max_parameters, \"too many parameters\");\n", len(list))
	cpp := e.t.cpp[e.f.Name]
	e.t.printf("static const sim::Kernel %sKernel = {%q, %d, {%s}, %s, %d};\n", cpp, e.f.Name, len(list),
		strings.Join(list, ", "), cpp, e.shared)
	e.t.printf("SIM_TABLE_ENTRY(%s, %sKernel);\n", e.f.Name, cpp)
	return nil
}

func (e *emitter) block(b *block) error {
	if err := e.enter(b); err != nil {
		return err
	}
	defer e.leave()
	for _, x := range b.statements {
		var err error
		switch x := x.(type) {
		case *block:
			err = e.block(x)
		case *label:
			fmt.Fprintf(&e.body, "%s:;\n", e.find(x.name).cpp)
		case *variable:
			err = e.variable(x)
		case *instruction:
			err = e.instruction(x)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// variable declares memory of a function. Registers are declared when they are used.
func (e *emitter) variable(v *variable) error {
	storage := ""
	switch v.Space {
	case "reg", "shared":
		return nil
	case "global", "const":
		storage = "static "
	default:
		if v.Init > 0 {
			return lex.Errorf(v.Line, "initial values of .%s memory", v.Space)
		}
	}
	return e.t.memory(&e.memory, storage, e.find(v.Name))
}

// instruction writes one, in a line of the C++ that counts as its line of the PTX: so that a diagnosis names that.
func (e *emitter) instruction(in *instruction) error {
	text, err := e.statement(in)
	if err != nil {
		if l := (*lex.Error)(nil); !errors.As(err, &l) {
			err = lex.Errorf(in.line, "%v", err)
		}
		return &faulty{in, err}
	}
	fmt.Fprintf(&e.body, "#line %d %q\n    %s\n", in.line, e.t.m.file, text)
	return nil
}

func (e *emitter) statement(in *instruction) (string, error) {
	h := handlers[in.opcode]
	if h == nil {
		return "", fmt.Errorf("unknown instruction %s", in.opcode)
	}
	text, err := h(e, in)
	if err != nil || in.guard == "" {
		return text, err
	}
	guard, err := e.read(in.line, operand{text: in.guard, negated: in.negated}, pred)
	if err != nil {
		return "", err
	}
	if strings.Count(text, ";") > 1 || strings.HasPrefix(text, "{") {
		text = "{ " + text + " }"
	}
	return fmt.Sprintf("if (%s) %s", guard, text), nil
}

// unknown is the error for modifiers that a handler has no pattern for.
func unknown(in *instruction) error {
	return fmt.Errorf("unknown modifiers .%s of %s", strings.Join(in.modifiers, "."), in.opcode)
}

// count wants a number of operands.
func count(in *instruction, from, to int) error {
	if n := len(in.operands); n < from || n > to {
		if from == to {
			return fmt.Errorf("%d operands, want %d", n, from)
		}
		return fmt.Errorf("%d operands, want %d to %d", n, from, to)
	}
	return nil
}

// reads are the values of operands that all have one type.
func (e *emitter) reads(in *instruction, t ptxType, operands ...operand) ([]string, error) {
	var list []string
	for _, o := range operands {
		text, err := e.read(in.line, o, t)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}
