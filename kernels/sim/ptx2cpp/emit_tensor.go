package main

import (
	"fmt"
	"strings"
)

// tensorHandlers are the tensor cores' instructions that host_mma.h has.
var tensorHandlers = map[string]handler{"mma": mma, "ldmatrix": ldmatrix}

// shape is an mma, the numbers of its registers and the function that does it.
type shape struct {
	pattern pattern
	a, b    int
	cpp     string
}

var shapes = []shape{
	{compile("sync aligned m16n8k16 row col f32 bf16 bf16 f32"), 4, 2, "sim::mma_bf16"},
	{compile("sync aligned m16n8k8 row col f32 tf32 tf32 f32"), 4, 2, "sim::mma_tf32"},
}

// fragment reads the registers of a matrix.
func (e *emitter) fragment(in *instruction, o operand, n int, t ptxType) (string, error) {
	if o.kind != vector || len(o.list) != n {
		return "", fmt.Errorf("want %d registers in braces", n)
	}
	v, err := e.reads(in, t, o.list...)
	return strings.Join(v, ", "), err
}

// scatter writes an array to registers.
func (e *emitter) scatter(in *instruction, o operand, n int, t ptxType, array string) (string, error) {
	if o.kind != vector || len(o.list) != n {
		return "", fmt.Errorf("want %d registers in braces", n)
	}
	text := ""
	for i, r := range o.list {
		w, err := e.write(in.line, r, t, fmt.Sprintf("%s[%d]", array, i))
		if err != nil {
			return "", err
		}
		text += " " + w
	}
	return text, nil
}

func mma(e *emitter, in *instruction) (string, error) {
	for _, s := range shapes {
		if _, ok := s.pattern.match(in.modifiers); ok {
			return e.mma(in, s)
		}
	}
	return "", unknown(in)
}

func (e *emitter) mma(in *instruction, s shape) (string, error) {
	if err := count(in, 4, 4); err != nil {
		return "", err
	}
	b32, _ := typeNamed("b32")
	f32, _ := typeNamed("f32")
	a, err := e.fragment(in, in.operands[1], s.a, b32)
	if err != nil {
		return "", err
	}
	b, err := e.fragment(in, in.operands[2], s.b, b32)
	if err != nil {
		return "", err
	}
	c, err := e.fragment(in, in.operands[3], 4, f32)
	if err != nil {
		return "", err
	}
	d, err := e.scatter(in, in.operands[0], 4, f32, "d")
	return fmt.Sprintf("{ const uint32_t a[] = {%s}, b[] = {%s}; const float c[] = {%s}; float d[4]; %s(d, a, b, c);%s }",
		a, b, c, s.cpp, d), err
}

var ldmatrixPattern = compile("sync aligned m8n8 x1|x2|x4 trans? shared|shared::cta? b16")

func ldmatrix(e *emitter, in *instruction) (string, error) {
	got, ok := ldmatrixPattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, 2, 2); err != nil {
		return "", err
	}
	n := int(got[3][1] - '0')
	b32, _ := typeNamed("b32")
	o := in.operands[1]
	if o.kind != address {
		return "", fmt.Errorf("an operand that is no address")
	}
	var from string
	var err error
	if sym := e.find(o.text); o.text != "" && sym != nil && sym.variable != nil && sym.variable.Space == "shared" {
		from, err = e.addressOf(in.line, sym, o.offset)
	} else {
		from, err = e.pointer(in, o, got[5] != "")
	}
	if err != nil {
		return "", err
	}
	if got[5] == "" { // a generic address, which can only be of shared memory
		from = fmt.Sprintf("ptx::to_shared(block, %s)", from)
	}
	d, err := e.scatter(in, in.operands[0], n, b32, "d")
	return fmt.Sprintf("{ uint32_t d[%d]; ptx::ldmatrix<%d, %t>(block, d, %s);%s }", n, n, got[4] != "", from, d), err
}
