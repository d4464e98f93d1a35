package main

import (
	"fmt"
	"strings"
)

// atomicHandlers are atom and red. They are atomic for all threads of the host, whatever the scope says.
var atomicHandlers = map[string]handler{"atom": atomic, "red": atomic}

const atomicOrder = "relaxed|acquire|release|acq_rel? cta|cluster|gpu|sys? global|shared|shared::cta? "

// atomicPatterns are the operations and the types that each has.
var atomicPatterns = []pattern{
	compile(atomicOrder + "add u32|s32|u64|f32|f64"),
	compile(atomicOrder + "add noftz f16|bf16|f16x2|bf16x2"),
	compile(atomicOrder + "min|max u32|s32|u64|s64"),
	compile(atomicOrder + "inc|dec u32"),
	compile(atomicOrder + "and|or|xor b32|b64"),
	compile(atomicOrder + "exch b32|b64"),
	compile(atomicOrder + "cas b16|b32|b64"),
}

func atomic(e *emitter, in *instruction) (string, error) {
	for _, p := range atomicPatterns {
		if got, ok := p.match(in.modifiers); ok {
			return e.atomic(in, got)
		}
	}
	return "", unknown(in)
}

func (e *emitter) atomic(in *instruction, got []string) (string, error) {
	operation := got[3]
	red := in.opcode == "red"
	if red && (operation == "exch" || operation == "cas" || got[0] == "acquire" || got[0] == "acq_rel") {
		return "", unknown(in)
	}
	t, _ := typeNamed(got[len(got)-1])
	operands := in.operands
	if !red {
		if err := count(in, 1, 4); err != nil {
			return "", err
		}
		operands = operands[1:]
	}
	n := 2
	if operation == "cas" {
		n = 3
	}
	if len(operands) != n {
		return "", fmt.Errorf("%d operands, want %d", len(in.operands), len(in.operands)-len(operands)+n)
	}
	space, _, _ := strings.Cut(got[2], "::")
	if space == "" {
		space = "generic"
	}
	where, err := e.location(in, operands[0], space, t.bytes())
	if err != nil {
		return "", err
	}
	v, err := e.reads(in, t, operands[1:]...)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("ptx::atomic_%s<%s>(%s, %s)", operation, atomicType(t), where, strings.Join(v, ", "))
	if red {
		return text + ";", nil
	}
	return e.write(in.line, in.operands[0], t, text)
}

// atomicType names a type in C++; small floats by their format, of which the pairs are atomic as a whole.
func atomicType(t ptxType) string {
	if t.class != 'h' {
		return t.cpp()
	}
	if half, ok := strings.CutSuffix(t.name, "x2"); ok {
		return "ptx::Pair<ptx::" + half + ">"
	}
	return "ptx::Half<ptx::" + t.name + ">"
}
