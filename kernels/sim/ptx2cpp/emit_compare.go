package main

import (
	"fmt"
	"slices"
)

// compareHandlers are chapters 9.7.5 and 9.7.6: comparisons, and selections by their results.
var compareHandlers = map[string]handler{
	"setp": setp,
	"set":  set,
	"selp": formed(of(bitTypes+"|"+integers+"|"+floats, "", "TTTp", "%c ? %a : %b")),
	"slct": slct,
}

// integerComparisons, ordered and unordered ones of floats: of two NaN compare unordered are true, all others false.
var (
	integerComparisons = map[string]string{"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "lo": "<",
		"ls": "<=", "hi": ">", "hs": ">="}
	ordered = map[string]string{"eq": "%s == %s", "lt": "%s < %s", "le": "%s <= %s", "gt": "%s > %s",
		"ge": "%s >= %s", "ne": "__builtin_islessgreater(%s, %s)", "num": "!__builtin_isunordered(%s, %s)"}
	unordered = map[string]string{"neu": "%s != %s", "ltu": "!(%s >= %s)", "leu": "!(%s > %s)", "gtu": "!(%s <= %s)",
		"geu": "!(%s < %s)", "equ": "!__builtin_islessgreater(%s, %s)", "nan": "__builtin_isunordered(%s, %s)"}
	booleans = map[string]string{"and": "&", "or": "|", "xor": "^"}
)

const (
	comparisons = "eq|ne|lt|le|gt|ge|lo|ls|hi|hs|equ|neu|ltu|leu|gtu|geu|num|nan"
	compared    = bitTypes + "|" + integers + "|" + floats + "|f16|bf16"
)

// comparison is a boolean expression.
func (e *emitter) comparison(in *instruction, relation string, t ptxType, ftz bool, a, b operand) (string, error) {
	v, err := e.reads(in, t, a, b)
	if err != nil {
		return "", err
	}
	if t.class == 'h' {
		for i := range v {
			v[i] = fmt.Sprintf("ptx::half_value<ptx::%s>(%s)", t.name, v[i])
		}
	}
	if t.float() || t.class == 'h' {
		format := ordered[relation]
		if format == "" {
			format = unordered[relation]
		}
		if format == "" {
			return "", unknown(in)
		}
		if ftz {
			v[0], v[1] = fmt.Sprintf("ptx::flush(%s)", v[0]), fmt.Sprintf("ptx::flush(%s)", v[1])
		}
		return fmt.Sprintf(format, v[0], v[1]), nil
	}
	operator := integerComparisons[relation]
	signless := slices.Contains([]string{"lo", "ls", "hi", "hs"}, relation)
	if operator == "" || signless && t.class != 'u' || t.class == 'b' && relation != "eq" && relation != "ne" {
		return "", unknown(in)
	}
	return fmt.Sprintf("%s %s %s", v[0], operator, v[1]), nil
}

var setpPattern = compile(comparisons + " and|or|xor? ftz? " + compared)

// setp is setp.relation[.boolean][.ftz].type p[|q], a, b[, [!]c].
func setp(e *emitter, in *instruction) (string, error) {
	got, ok := setpPattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	t, _ := typeNamed(got[3])
	n := 3
	if got[1] != "" {
		n = 4
	}
	if err := count(in, n, n); err != nil {
		return "", err
	}
	if got[2] != "" && got[3] != "f32" {
		return "", unknown(in)
	}
	text, err := e.comparison(in, got[0], t, got[2] != "", in.operands[1], in.operands[2])
	if err != nil {
		return "", err
	}
	with := ""
	if n == 4 {
		c, err := e.read(in.line, in.operands[3], pred)
		if err != nil {
			return "", err
		}
		with = " " + booleans[got[1]] + " " + c
	}
	d := in.operands[0]
	if d.kind != pair {
		return e.write(in.line, d, pred, "("+text+")"+with)
	}
	p, err := e.write(in.line, d.list[0], pred, "is"+with)
	if err != nil {
		return "", err
	}
	q, err := e.write(in.line, d.list[1], pred, "!is"+with)
	return fmt.Sprintf("{ const bool is = %s; %s %s }", text, p, q), err
}

var setPattern = compile(comparisons + " and|or|xor? ftz? u32|s32|f32 " + compared)

// set is like setp, with all ones or 1.0 for true.
func set(e *emitter, in *instruction) (string, error) {
	got, ok := setPattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	d, _ := typeNamed(got[3])
	t, _ := typeNamed(got[4])
	n := 3
	if got[1] != "" {
		n = 4
	}
	if err := count(in, n, n); err != nil {
		return "", err
	}
	text, err := e.comparison(in, got[0], t, got[2] != "", in.operands[1], in.operands[2])
	if err != nil {
		return "", err
	}
	text = "(" + text + ")"
	if n == 4 {
		c, err := e.read(in.line, in.operands[3], pred)
		if err != nil {
			return "", err
		}
		text += " " + booleans[got[1]] + " " + c
	}
	values := " ? ~0u : 0u"
	if d.float() {
		values = " ? 1.f : 0.f"
	}
	return e.write(in.line, in.operands[0], d, "("+text+")"+values)
}

var slctPattern = compile("ftz? " + bitTypes + "|" + integers + "|" + floats + " s32|f32")

// slct selects by a sign: of -0 as of +0, and of NaN as of a negative number.
func slct(e *emitter, in *instruction) (string, error) {
	got, ok := slctPattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, 4, 4); err != nil {
		return "", err
	}
	t, _ := typeNamed(got[1])
	by, _ := typeNamed(got[2])
	v, err := e.reads(in, t, in.operands[1:3]...)
	if err != nil {
		return "", err
	}
	c, err := e.read(in.line, in.operands[3], by)
	if err != nil {
		return "", err
	}
	if got[0] != "" {
		c = fmt.Sprintf("ptx::flush(%s)", c)
	}
	return e.write(in.line, in.operands[0], t, fmt.Sprintf("%s >= 0 ? %s : %s", c, v[0], v[1]))
}
