package main

import (
	"fmt"
	"strings"
)

// memoryHandlers are loads and stores, and the asynchronous copies of cp.async. What says how long to keep something in
// a cache says nothing here.
var memoryHandlers = map[string]handler{
	"ld":        ld,
	"ldu":       ld,
	"st":        st,
	"prefetch":  prefetch,
	"prefetchu": prefetch,
	"cp":        cp,
}

const (
	accessed  = "b8|" + bitTypes + "|u8|" + integers + "|s8|" + floats
	order     = "weak|volatile|relaxed|acquire|release? cta|cluster|gpu|sys? "
	evictions = "L1::evict_normal|L1::evict_unchanged|L1::evict_first|L1::evict_last|L1::no_allocate? " +
		"L2::evict_normal|L2::evict_first|L2::evict_last? "
	fetches = "L2::64B|L2::128B|L2::256B? "
)

var (
	ldPattern = compile(order +
		"global|shared|shared::cta|local|const|param|param::entry|param::func? ca|cg|cs|lu|cv? nc? " + evictions + fetches +
		"v2|v4? " + accessed)
	stPattern = compile(order + "global|shared|shared::cta|local|param|param::func? wb|cg|cs|wt? " + evictions +
		"v2|v4? " + accessed)
	prefetchPattern = compile("global|local? L1|L2 evict_last|evict_normal?")
)

// access is a load or store with its modifiers.
type access struct {
	space    string
	volatile string // "_volatile" where the compiler must not leave it out or do it twice
	t        ptxType
	n        int // elements
}

func accessOf(got []string) access {
	a := access{n: 1}
	a.space, _, _ = strings.Cut(got[2], "::")
	if a.space == "" {
		a.space = "generic"
	}
	if got[0] != "" && got[0] != "weak" {
		a.volatile = "_volatile"
	}
	a.t, _ = typeNamed(got[len(got)-1])
	if v := got[len(got)-2]; v != "" {
		a.n = int(v[1] - '0')
	}
	return a
}

// elements are the registers of an operand, as many as the access has elements.
func (a access) elements(o operand) ([]operand, error) {
	if a.n == 1 {
		if o.kind == vector && len(o.list) == 1 {
			return o.list, nil
		}
		return []operand{o}, nil
	}
	if o.kind != vector || len(o.list) != a.n {
		return nil, fmt.Errorf("want %d registers in braces", a.n)
	}
	if a.n*a.t.bytes() > 16 {
		return nil, fmt.Errorf("an access of %d bytes", a.n*a.t.bytes())
	}
	return o.list, nil
}

func ld(e *emitter, in *instruction) (string, error) {
	got, ok := ldPattern.match(in.modifiers)
	if !ok || got[0] == "release" {
		return "", unknown(in)
	}
	if err := count(in, 2, 2); err != nil {
		return "", err
	}
	a := accessOf(got)
	where, err := e.location(in, in.operands[1], a.space, a.n*a.t.bytes())
	if err != nil {
		return "", err
	}
	registers, err := a.elements(in.operands[0])
	if err != nil {
		return "", err
	}
	if a.n == 1 {
		return e.writeAs(in.line, registers[0], a.t, fmt.Sprintf("ptx::load%s<%s>(%s)", a.volatile, a.t.cpp(), where), true)
	}
	text := fmt.Sprintf("{ const char *const from = %s;", where)
	for i, r := range registers {
		w, err := e.writeAs(in.line, r, a.t, fmt.Sprintf("ptx::load%s<%s>(from + %d)", a.volatile, a.t.cpp(), i*a.t.bytes()),
			true)
		if err != nil {
			return "", err
		}
		text += " " + w
	}
	return text + " }", nil
}

func st(e *emitter, in *instruction) (string, error) {
	got, ok := stPattern.match(in.modifiers)
	if !ok || got[0] == "acquire" {
		return "", unknown(in)
	}
	if err := count(in, 2, 2); err != nil {
		return "", err
	}
	a := accessOf(got)
	where, err := e.location(in, in.operands[0], a.space, a.n*a.t.bytes())
	if err != nil {
		return "", err
	}
	values, err := a.elements(in.operands[1])
	if err != nil {
		return "", err
	}
	text := ""
	for i, o := range values {
		value, err := e.readAs(in.line, o, a.t, true)
		if err != nil {
			return "", err
		}
		at := where
		if a.n > 1 {
			at = fmt.Sprintf("to + %d", i*a.t.bytes())
		}
		text += fmt.Sprintf(" ptx::store%s<%s>(%s, %s);", a.volatile, a.t.cpp(), at, value)
	}
	if a.n > 1 {
		return fmt.Sprintf("{ char *const to = %s;%s }", where, text), nil
	}
	return text[1:], nil
}

// prefetch has no effect, not even that of an access: the address may be anything.
func prefetch(e *emitter, in *instruction) (string, error) {
	got, ok := prefetchPattern.match(in.modifiers)
	if !ok || in.opcode == "prefetchu" && (got[0] != "" || got[1] != "L1") {
		return "", unknown(in)
	}
	if err := count(in, 1, 1); err != nil {
		return "", err
	}
	_, err := e.location(in, in.operands[0], "generic", 1)
	return "(void)0;", err
}

var (
	copyPattern   = compile("async ca|cg shared|shared::cta global " + fetches)
	commitPattern = compile("async commit_group")
	waitPattern   = compile("async wait_group")
	allPattern    = compile("async wait_all")
)

func cp(e *emitter, in *instruction) (string, error) {
	if got, ok := copyPattern.match(in.modifiers); ok {
		return e.copyAsync(in, got[1])
	}
	if _, ok := commitPattern.match(in.modifiers); ok {
		return "sim::copy_async_commit();", count(in, 0, 0)
	}
	if _, ok := allPattern.match(in.modifiers); ok {
		return "{ sim::copy_async_commit(); sim::copy_async_wait(0); }", count(in, 0, 0)
	}
	if _, ok := waitPattern.match(in.modifiers); !ok {
		return "", unknown(in)
	}
	if err := count(in, 1, 1); err != nil {
		return "", err
	}
	if in.operands[0].kind != integer {
		return "", fmt.Errorf("a number of groups that is no constant")
	}
	return fmt.Sprintf("sim::copy_async_wait(%d);", in.operands[0].bits), nil
}

// copyAsync is cp.async [to], [from], bytes[, source bytes or a predicate of none].
func (e *emitter) copyAsync(in *instruction, cache string) (string, error) {
	if err := count(in, 3, 4); err != nil {
		return "", err
	}
	bytes := in.operands[2]
	if n := bytes.bits; bytes.kind != integer || n != 16 && (cache == "cg" || n != 4 && n != 8) {
		return "", fmt.Errorf("want a constant of 16 bytes, or with .ca 4 or 8")
	}
	n := int(bytes.bits)
	to, err := e.location(in, in.operands[0], "shared", n)
	if err != nil {
		return "", err
	}
	if len(in.operands) == 3 {
		from, err := e.location(in, in.operands[1], "global", n)
		return fmt.Sprintf("sim::copy_async(%s, %s, %d, %[3]d);", to, from, n), err
	}
	read, err := e.sourceBytes(in, n)
	if err != nil {
		return "", err
	}
	if in.operands[1].kind != address {
		return "", fmt.Errorf("an operand that is no address")
	}
	from, err := e.pointer(in, in.operands[1], false)
	return fmt.Sprintf("ptx::copy_async_part(block, %s, %s, %d, %s, %d);", to, from, n, read,
		e.slot(in.operands[1].text, n)), err
}

// sourceBytes is how many of the bytes are read; the others are zeros.
func (e *emitter) sourceBytes(in *instruction, n int) (string, error) {
	o := in.operands[3]
	if sym := e.find(o.text); o.kind == name && sym != nil && sym.variable != nil && sym.variable.Type == "pred" {
		text, err := e.read(in.line, o, pred)
		return fmt.Sprintf("%s ? 0u : %du", text, n), err
	}
	u32, _ := typeNamed("u32")
	return e.read(in.line, o, u32)
}
