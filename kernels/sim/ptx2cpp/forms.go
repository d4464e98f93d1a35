package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// form is one shape of an instruction that works out one value from others. The last choice of its pattern is the type
// T of the operation. args has a letter for the destination and each source: T itself, or what ptxType.related makes of
// it; # is a constant. code is the C++: %a %b %c %d are the sources, %T %U %S %W %V types, %n the bits of T, %R the
// rounding. A float source is flushed by ftz, and so is the result; sat clamps a float to 0..1.
type form struct {
	pattern pattern
	args    string
	code    string
}

func of(types, modifiers, args, code string) form {
	return form{compile(modifiers + " " + types), args, code}
}

// formed is the handler of an opcode that has only forms.
func formed(forms ...form) handler {
	return func(e *emitter, in *instruction) (string, error) {
		for _, f := range forms {
			if got, ok := f.pattern.match(in.modifiers); ok {
				return e.form(in, f, got)
			}
		}
		return "", unknown(in)
	}
}

func (e *emitter) form(in *instruction, f form, got []string) (string, error) {
	t, ok := typeNamed(got[len(got)-1])
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, len(f.args), len(f.args)); err != nil {
		return "", err
	}
	ftz := slices.Contains(got, "ftz")
	sources := make([]string, len(f.args)-1)
	for i := range sources {
		var err error
		if sources[i], err = e.source(in, i+1, t, f.args[i+1], ftz); err != nil {
			return "", err
		}
	}
	rounding := "rn"
	for _, m := range got {
		if slices.Contains([]string{"rz", "rm", "rp"}, m) {
			rounding = m
		}
	}
	result := t.related(f.args[0])
	text := fill(f.code, t, rounding, sources)
	if ftz && result.float() {
		text = fmt.Sprintf("ptx::flush(%s)", text)
	}
	if slices.Contains(got, "sat") && result.float() {
		text = fmt.Sprintf("ptx::saturate(%s)", text)
	}
	return e.write(in.line, in.operands[0], result, text)
}

// source is an operand of a form.
func (e *emitter) source(in *instruction, i int, t ptxType, letter byte, ftz bool) (string, error) {
	o := in.operands[i]
	if letter == '#' {
		if o.kind != integer {
			return "", fmt.Errorf("operand %d must be a constant", i+1)
		}
		return strconv.FormatUint(o.bits, 10) + "u", nil
	}
	want := t.related(letter)
	text, err := e.read(in.line, o, want)
	if ftz && want.float() {
		text = fmt.Sprintf("ptx::flush(%s)", text)
	}
	return text, err
}

// fill puts sources and types into a form's code.
func fill(code string, t ptxType, rounding string, sources []string) string {
	var b strings.Builder
	for i := 0; i < len(code); i++ {
		if code[i] != '%' || i+1 == len(code) {
			b.WriteByte(code[i])
			continue
		}
		i++
		switch c := code[i]; c {
		case 'a', 'b', 'c', 'd':
			b.WriteString(sources[c-'a'])
		case 'n':
			b.WriteString(strconv.Itoa(t.bits))
		case 'R':
			b.WriteString("ptx::" + rounding)
		default:
			b.WriteString(t.related(c).cpp())
		}
	}
	return b.String()
}
