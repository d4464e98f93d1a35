package main

import (
	"fmt"
	"slices"
)

const (
	unsigned   = "u16|u32|u64"
	integers   = unsigned + "|s16|s32|s64"
	bitTypes   = "b16|b32|b64"
	floats     = "f32|f64"
	halfs      = "f16|bf16|f16x2|bf16x2"
	directed   = "rz|rm|rp"
	wideSource = "u16|u32|s16|s32"
)

// integerHandlers are chapter 9.7.1 of the PTX ISA, and 9.7.2 with the carry flag. Registers are unsigned, so that sums
// and products wrap around; 16 bits are multiplied as unsigned, not as the int that C++ would make of them. Opcodes
// that exist for floats too have their forms of both here.
var integerHandlers = map[string]handler{
	"add": formed(append(arithmetic("+", "add"),
		of(integers, "", "UUU", "%a + %b"),
		of("s32", "sat", "SSS", "ptx::add_saturating(%a, %b)"))...),
	"sub": formed(append(arithmetic("-", "subtract"),
		of(integers, "", "UUU", "%a - %b"),
		of("s32", "sat", "SSS", "ptx::subtract_saturating(%a, %b)"))...),
	"mul": formed(append(arithmetic("*", "multiply"),
		of(integers, "lo", "UUU", "1u * %a * %b"),
		of("u16|u32|s16|s32|u64|s64", "hi", "UTT", "(%U)((%W)%a * (%W)%b >> %n)"),
		of(wideSource, "wide", "VTT", "(%V)((%W)%a * (%W)%b)"))...),
	"mad": formed(append(fused,
		of(integers, "lo", "UUUU", "1u * %a * %b + %c"),
		of(integers, "hi", "UTTU", "(%U)((%W)%a * (%W)%b >> %n) + %c"),
		of("s32", "hi sat", "STTS", "ptx::add_saturating((int32_t)((%W)%a * (%W)%b >> 32), %c)"),
		of(wideSource, "wide", "VTTV", "(%V)((%W)%a * (%W)%b) + %c"))...),
	"mul24": formed(of("u32|s32", "lo", "UTT", "ptx::multiply24(%a, %b)"),
		of("u32|s32", "hi", "UTT", "ptx::multiply24_high(%a, %b)")),
	"mad24": formed(of("u32|s32", "lo", "UTTU", "ptx::multiply24(%a, %b) + %c"),
		of("u32|s32", "hi", "UTTU", "ptx::multiply24_high(%a, %b) + %c")),
	"sad": formed(of(integers, "", "UTTU", "ptx::distance(%a, %b) + %c")),
	"div": formed(
		of(integers, "", "TTT", "ptx::divide(%a, %b)"),
		of(floats, "rn ftz?", "TTT", "%a / %b"),
		of(floats, directed+" ftz?", "TTT", "ptx::divide<%R>(%a, %b)"),
		of("f32", "approx|full ftz?", "TTT", "%a / %b")),
	"rem": formed(of(integers, "", "TTT", "ptx::remainder(%a, %b)")),
	"abs": formed(append(signs("abs"), of("s16|s32|s64", "", "UT", "ptx::absolute(%a)"))...),
	"neg": formed(append(signs("neg"), of("s16|s32|s64", "", "UU", "0u - %a"))...),
	"min": formed(append(extremes("min"),
		of(integers, "", "TTT", "%a < %b ? %a : %b"), of("s32", "relu", "TTT", "ptx::larger(%a < %b ? %a : %b, 0)"))...),
	"max": formed(append(extremes("max"),
		of(integers, "", "TTT", "%a > %b ? %a : %b"), of("s32", "relu", "TTT", "ptx::larger(%a > %b ? %a : %b, 0)"))...),
	"dp4a": dotProduct("ptx::dot4"),
	"dp2a": dotProduct("ptx::dot2"),

	"addc": carried("ptx::add_carry(%s, %s, carry, %s)", 2),
	"subc": carried("ptx::subtract_borrow(%s, %s, carry, %s)", 2),
	"madc": carried("ptx::add_carry(%s, %s, carry, %s)", 3),
}

// dotProduct handles dp4a.atype.btype and dp2a.mode.atype.btype.
func dotProduct(function string) handler {
	four, two := compile("u32|s32 u32|s32"), compile("lo|hi u32|s32 u32|s32")
	return func(e *emitter, in *instruction) (string, error) {
		p, half := four, "0"
		if function == "ptx::dot2" {
			p = two
		}
		got, ok := p.match(in.modifiers)
		if !ok {
			return "", unknown(in)
		}
		if err := count(in, 4, 4); err != nil {
			return "", err
		}
		if got[0] == "hi" {
			half = "2"
		}
		u32, _ := typeNamed("u32")
		v, err := e.reads(in, u32, in.operands[1:]...)
		if err != nil {
			return "", err
		}
		signed := func(kind string) string { return fmt.Sprint(kind == "s32") }
		text := fmt.Sprintf("%s<%s, %s>(%s, %s, %s, %s)", function, signed(got[len(got)-2]), signed(got[len(got)-1]), v[0],
			v[1], v[2], half)
		return e.write(in.line, in.operands[0], u32, text)
	}
}

var carryPatterns = map[int]pattern{2: compile("cc? u32|s32|u64|s64"), 3: compile("lo|hi cc? u32|s32|u64|s64")}

// carried handles what reads the carry flag, and with .cc sets it; add.cc and the like begin with no carry.
func carried(code string, sources int) handler {
	return func(e *emitter, in *instruction) (string, error) {
		got, ok := carryPatterns[sources].match(in.modifiers)
		if !ok {
			return "", unknown(in)
		}
		if err := count(in, 1+sources, 1+sources); err != nil {
			return "", err
		}
		t, _ := typeNamed(got[len(got)-1])
		u := t.related('U')
		v, err := e.reads(in, u, in.operands[1:]...)
		if err != nil {
			return "", err
		}
		if sources == 3 { // the product first, signed where the type is: it matters for .hi
			text := "1u * %a * %b"
			if got[0] == "hi" {
				text = "(%U)((%W)(%T)%a * (%W)(%T)%b >> %n)"
			}
			v = []string{fmt.Sprintf("(%s)(%s)", u.cpp(), fill(text, t, "rn", v)), v[2]}
		}
		e.carry = true
		sets := fmt.Sprint(slices.Contains(got, "cc"))
		return e.write(in.line, in.operands[0], u, fmt.Sprintf(code, v[0], v[1], sets))
	}
}

// withCarry gives an opcode that has a form with .cc, which begins a chain of carries, that form.
func withCarry(opcode, chained string) {
	plain, chain := integerHandlers[opcode], integerHandlers[chained]
	integerHandlers[opcode] = func(e *emitter, in *instruction) (string, error) {
		if !slices.Contains(in.modifiers, "cc") {
			return plain(e, in)
		}
		text, err := chain(e, in)
		return "carry = false; " + text, err
	}
}

func init() {
	withCarry("add", "addc")
	withCarry("sub", "subc")
	withCarry("mad", "madc")
}
