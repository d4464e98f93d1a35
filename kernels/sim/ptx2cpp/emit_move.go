package main

import (
	"fmt"
	"strings"
)

// moveHandlers copy registers, and take addresses from one state space to another. The address of a shared variable is
// its offset in the block's shared memory, and so is every address in that space; all other addresses are the host's.
var moveHandlers = map[string]handler{
	"mov":      mov,
	"cvta":     cvta,
	"isspacep": isspacep,
}

var (
	movPattern      = compile(bitTypes + "|" + integers + "|" + floats + "|pred")
	cvtaPattern     = compile("to? global|shared|shared::cta|local|const|param|param::entry u32|u64")
	isspacepPattern = compile("global|shared|shared::cta|local|const")
)

func mov(e *emitter, in *instruction) (string, error) {
	got, ok := movPattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, 2, 2); err != nil {
		return "", err
	}
	t, _ := typeNamed(got[0])
	switch d, s := in.operands[0], in.operands[1]; {
	case s.kind == vector:
		return e.pack(in, t, d, s.list)
	case d.kind == vector:
		return e.unpack(in, t, d.list, s)
	}
	text, err := e.read(in.line, in.operands[1], t)
	if err != nil {
		return "", err
	}
	return e.write(in.line, in.operands[0], t, text)
}

// part is the type of one of n parts of a value.
func part(t ptxType, n int) (ptxType, error) {
	if n != 2 && n != 4 || t.class == 'p' || t.bits/n < 8 {
		return t, fmt.Errorf("%d parts of %s", n, t.name)
	}
	return t.as('u', 1).as('u', 1).narrowed(n), nil
}

func (t ptxType) narrowed(n int) ptxType {
	t.bits /= n
	return t.as('u', 1)
}

// pack joins registers, the first in the lowest bits.
func (e *emitter) pack(in *instruction, t ptxType, d operand, list []operand) (string, error) {
	p, err := part(t, len(list))
	if err != nil {
		return "", err
	}
	v, err := e.reads(in, p, list...)
	if err != nil {
		return "", err
	}
	u := t.as('u', 1)
	for i := range v {
		v[i] = fmt.Sprintf("(%s)%s << %d", u.cpp(), v[i], i*p.bits)
	}
	return e.write(in.line, d, u, strings.Join(v, " | "))
}

func (e *emitter) unpack(in *instruction, t ptxType, list []operand, s operand) (string, error) {
	p, err := part(t, len(list))
	if err != nil {
		return "", err
	}
	u := t.as('u', 1)
	whole, err := e.read(in.line, s, u)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("{ const %s whole = %s;", u.cpp(), whole)
	for i, d := range list {
		w, err := e.write(in.line, d, p, fmt.Sprintf("(%s)(whole >> %d)", p.cpp(), i*p.bits))
		if err != nil {
			return "", err
		}
		text += " " + w
	}
	return text + " }", nil
}

func cvta(e *emitter, in *instruction) (string, error) {
	got, ok := cvtaPattern.match(in.modifiers)
	if !ok || got[2] != "u64" {
		return "", unknown(in)
	}
	if err := count(in, 2, 2); err != nil {
		return "", err
	}
	t, _ := typeNamed(got[2])
	text, err := e.read(in.line, in.operands[1], t)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(got[1], "shared") {
		function := "from_shared"
		if got[0] != "" {
			function = "to_shared"
		}
		text = fmt.Sprintf("ptx::%s(block, %s)", function, text)
	}
	return e.write(in.line, in.operands[0], t, text)
}

func isspacep(e *emitter, in *instruction) (string, error) {
	got, ok := isspacepPattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, 2, 2); err != nil {
		return "", err
	}
	u64, _ := typeNamed("u64")
	text, err := e.read(in.line, in.operands[1], u64)
	if err != nil {
		return "", err
	}
	space, _, _ := strings.Cut(got[0], "::")
	return e.write(in.line, in.operands[0], pred, fmt.Sprintf("ptx::in_%s(block, %s)", space, text))
}
