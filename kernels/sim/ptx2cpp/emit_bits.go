package main

import "fmt"

// bitHandlers are the logic and shift instructions, and those that look at single bits. Shifts by as many bits as there
// are or more give zeros, or the sign.
var bitHandlers = map[string]handler{
	"and":  logic("&"),
	"or":   logic("|"),
	"xor":  logic("^"),
	"not":  formed(of(bitTypes, "", "TT", "~%a"), of("pred", "", "TT", "!%a")),
	"cnot": formed(of(bitTypes, "", "TT", "%a == 0 ? 1 : 0")),
	"shl":  formed(of(bitTypes, "", "TTu", "ptx::shift_left(%a, %b)")),
	"shr":  formed(of(bitTypes+"|"+integers, "", "TTu", "ptx::shift_right(%a, %b)")),
	"shf": formed(
		of("b32", "l clamp", "TTTu", "ptx::funnel_left(%a, %b, %c < 32 ? %c : 32)"),
		of("b32", "l wrap", "TTTu", "ptx::funnel_left(%a, %b, %c & 31)"),
		of("b32", "r clamp", "TTTu", "ptx::funnel_right(%a, %b, %c < 32 ? %c : 32)"),
		of("b32", "r wrap", "TTTu", "ptx::funnel_right(%a, %b, %c & 31)")),
	"lop3": formed(of("b32", "", "TTTT#", "ptx::logic3<%d>(%a, %b, %c)")),
	"popc": formed(of("b32|b64", "", "uT", "ptx::ones(%a)")),
	"clz":  formed(of("b32|b64", "", "uT", "ptx::leading_zeros(%a)")),
	"brev": formed(of("b32|b64", "", "TT", "ptx::reversed(%a)")),
	"bfind": formed(
		of("u32|u64|s32|s64", "", "uT", "ptx::highest_bit(%a)"),
		of("u32|u64|s32|s64", "shiftamt", "uT", "ptx::highest_bit_shift(%a)")),
	"bfe": formed(of("u32|u64|s32|s64", "", "TTuu", "ptx::extract(%a, %b, %c)")),
	"bfi": formed(of("b32|b64", "", "TTTuu", "ptx::insert(%a, %b, %c, %d)")),
	"fns": formed(of("b32", "", "TTus", "ptx::find_set(%a, %b, %c)")),
	"bmsk": formed(of("b32", "clamp", "TTT", "ptx::mask_clamped(%a, %b)"),
		of("b32", "wrap", "TTT", "ptx::mask_clamped(%a & 31, %b & 31)")),
	"szext": formed(of("u32|s32", "clamp", "TTu", "ptx::extend(%a, %b)"),
		of("u32|s32", "wrap", "TTu", "ptx::extend(%a, %b & 31)")),
	"prmt": permute,
}

func logic(operator string) handler {
	return formed(of(bitTypes+"|pred", "", "TTT", "%a "+operator+" %b"))
}

var permutePattern = compile("b32 f4e|b4e|rc8|ecl|ecr|rc16?")

func permute(e *emitter, in *instruction) (string, error) {
	got, ok := permutePattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, 4, 4); err != nil {
		return "", err
	}
	b32, _ := typeNamed("b32")
	v, err := e.reads(in, b32, in.operands[1:]...)
	if err != nil {
		return "", err
	}
	function := "permute"
	if got[1] != "" {
		function += "_" + got[1]
	}
	return e.write(in.line, in.operands[0], b32, fmt.Sprintf("ptx::%s(%s, %s, %s)", function, v[0], v[1], v[2]))
}
