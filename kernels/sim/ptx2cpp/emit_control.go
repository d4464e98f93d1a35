package main

import (
	"fmt"
	"strings"
)

// controlHandlers are branches, calls, ends of threads, barriers and fences.
var controlHandlers = map[string]handler{
	"bra":       branch,
	"brx":       branchIndexed,
	"call":      call,
	"ret":       ret,
	"exit":      exit,
	"trap":      bare("sim::trap(%s);"),
	"brkpt":     bare("sim::trap(%s);"),
	"bar":       bar,
	"barrier":   bar,
	"membar":    fence(compile("cta|gl|sys")),
	"fence":     fence(compile("sc|acq_rel? cta|cluster|gpu|sys")),
	"nanosleep": nanosleep,
}

var (
	uniform     = compile("uni?")
	idxUniform  = compile("idx uni?")
	barPattern  = compile("cta? sync aligned?")
	barReduce   = compile("cta? red popc|and|or aligned? u32|pred")
	barWarp     = compile("warp sync")
	sleepTypes  = compile("u32")
	barrierOnly = "only barrier 0 of all threads is translated"
)

func (e *emitter) label(o operand) (string, error) {
	if sym := e.find(o.text); o.kind == name && sym != nil && sym.label != nil && !o.negated && o.offset == 0 {
		return sym.cpp, nil
	}
	return "", fmt.Errorf("%s is no label", o.text)
}

func branch(e *emitter, in *instruction) (string, error) {
	if _, ok := uniform.match(in.modifiers); !ok {
		return "", unknown(in)
	}
	if err := count(in, 1, 1); err != nil {
		return "", err
	}
	to, err := e.label(in.operands[0])
	return fmt.Sprintf("goto %s;", to), err
}

// branchIndexed is what nvcc makes of a switch. An index beyond the list is undefined, here a trap.
func branchIndexed(e *emitter, in *instruction) (string, error) {
	if _, ok := idxUniform.match(in.modifiers); !ok {
		return "", unknown(in)
	}
	if err := count(in, 2, 2); err != nil {
		return "", err
	}
	u32, _ := typeNamed("u32")
	index, err := e.read(in.line, in.operands[0], u32)
	if err != nil {
		return "", err
	}
	sym := e.find(in.operands[1].text)
	if sym == nil || sym.targets == nil {
		return "", fmt.Errorf("%s is no list of branch targets", in.operands[1].text)
	}
	text := fmt.Sprintf("{ switch (%s) {", index)
	for i, l := range sym.targets.labels {
		to, err := e.label(operand{text: l})
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf(" case %d: goto %s;", i, to)
	}
	return fmt.Sprintf("%s default: sim::trap(%s); } }", text, e.site(in)), nil
}

// site is the instruction's line, as a sim::Site.
func (e *emitter) site(in *instruction) string { return fmt.Sprintf("{%q, %d}", e.t.m.file, in.line) }

func ret(e *emitter, in *instruction) (string, error) {
	if _, ok := uniform.match(in.modifiers); !ok {
		return "", unknown(in)
	}
	return "return;", count(in, 0, 0)
}

// exit ends the thread, which in an entry is to return.
func exit(e *emitter, in *instruction) (string, error) {
	if len(in.modifiers) > 0 {
		return "", unknown(in)
	}
	if !e.f.Entry {
		return "", fmt.Errorf("exit in a function is not translated")
	}
	return "return;", count(in, 0, 0)
}

func bare(code string) handler {
	return func(e *emitter, in *instruction) (string, error) {
		if len(in.modifiers) > 0 {
			return "", unknown(in)
		}
		return fmt.Sprintf(code, e.site(in)), count(in, 0, 0)
	}
}

// call is call[.uni] [(results),] function[, (arguments)]. Both are variables in .param memory, which are handed over
// by their addresses.
func call(e *emitter, in *instruction) (string, error) {
	if _, ok := uniform.match(in.modifiers); !ok {
		return "", unknown(in)
	}
	operands := in.operands
	var handed []operand
	results := 0
	if len(operands) > 0 && operands[0].kind == list {
		handed = append(handed, operands[0].list...)
		operands, results = operands[1:], len(handed)
	}
	if len(operands) == 0 || operands[0].kind != name {
		return "", fmt.Errorf("a call of no function")
	}
	f := e.t.functions[operands[0].text]
	if len(operands) == 2 && operands[1].kind == list {
		handed = append(handed, operands[1].list...)
	} else if len(operands) > 1 {
		return "", fmt.Errorf("a call that is not by name is not translated")
	}
	if f == nil || f.Entry {
		return "", fmt.Errorf("%s is no function with a body in this file", operands[0].text)
	}
	want := append(append([]*variable{}, f.Results...), f.Params...)
	if len(handed) != len(want) || results != len(f.Results) {
		return "", fmt.Errorf("%d results and %d arguments, want %d and %d", results, len(handed)-results, len(f.Results),
			len(f.Params))
	}
	var list []string
	for i, o := range handed {
		sym := e.find(o.text)
		if o.kind != name || sym == nil || sym.variable == nil || sym.variable.Space != "param" ||
			sym.variable.Size() < want[i].Size() {
			return "", fmt.Errorf("%s is no parameter of %d bytes", o.text, want[i].Size())
		}
		list = append(list, "(char *)"+sym.cpp)
	}
	return fmt.Sprintf("%s(%s);", e.t.cpp[f.Name], strings.Join(list, ", ")), nil
}

// bar is the barrier of all threads of the block, that of a warp, and the one that counts predicates.
func bar(e *emitter, in *instruction) (string, error) {
	u32, _ := typeNamed("u32")
	if _, ok := barWarp.match(in.modifiers); ok && in.opcode == "bar" {
		if err := count(in, 1, 1); err != nil {
			return "", err
		}
		mask, err := e.read(in.line, in.operands[0], u32)
		return fmt.Sprintf("__syncwarp(%s);", mask), err
	}
	if _, ok := barPattern.match(in.modifiers); ok {
		if err := count(in, 1, 1); err != nil || in.operands[0].kind != integer || in.operands[0].bits != 0 {
			return "", fmt.Errorf("%s", barrierOnly)
		}
		return fmt.Sprintf("sim::barrier(%s);", e.site(in)), nil
	}
	got, ok := barReduce.match(in.modifiers)
	if !ok || (got[2] == "popc") != (got[4] == "u32") {
		return "", unknown(in)
	}
	if err := count(in, 3, 3); err != nil || in.operands[1].kind != integer || in.operands[1].bits != 0 {
		return "", fmt.Errorf("%s", barrierOnly)
	}
	p, err := e.read(in.line, in.operands[2], pred)
	if err != nil {
		return "", err
	}
	if got[2] == "popc" {
		return e.write(in.line, in.operands[0], u32, fmt.Sprintf("(uint32_t)sim::barrier_count(%s, %s)", e.site(in), p))
	}
	code := "sim::barrier_count(%s, %s) != 0"
	if got[2] == "and" { // all, if none is false
		code = "sim::barrier_count(%s, !(%s)) == 0"
	}
	return e.write(in.line, in.operands[0], pred, fmt.Sprintf(code, e.site(in), p))
}

// fence orders memory for threads of the host, on which other launches run.
func fence(p pattern) handler {
	return func(e *emitter, in *instruction) (string, error) {
		if _, ok := p.match(in.modifiers); !ok {
			return "", unknown(in)
		}
		return "__atomic_thread_fence(__ATOMIC_SEQ_CST);", count(in, 0, 0)
	}
}

// nanosleep may take no time at all.
func nanosleep(e *emitter, in *instruction) (string, error) {
	if _, ok := sleepTypes.match(in.modifiers); !ok {
		return "", unknown(in)
	}
	if err := count(in, 1, 1); err != nil {
		return "", err
	}
	u32, _ := typeNamed("u32")
	time, err := e.read(in.line, in.operands[0], u32)
	return fmt.Sprintf("(void)(%s);", time), err
}
