package main

import (
	"fmt"
	"math"
	"strconv"

	"duet/kernels/ptxinfo/lex"
)

// special are the registers that PTX defines, as C++ and with their bits.
var special = map[string]struct {
	cpp  string
	bits int
}{
	"%tid.x": {"thread.index.x", 32}, "%tid.y": {"thread.index.y", 32}, "%tid.z": {"thread.index.z", 32},
	"%ctaid.x": {"block.index.x", 32}, "%ctaid.y": {"block.index.y", 32}, "%ctaid.z": {"block.index.z", 32},
	"%ntid.x": {"block.size.x", 32}, "%ntid.y": {"block.size.y", 32}, "%ntid.z": {"block.size.z", 32},
	"%nctaid.x": {"block.grid.x", 32}, "%nctaid.y": {"block.grid.y", 32}, "%nctaid.z": {"block.grid.z", 32},
	"%laneid": {"(thread.linear & 31u)", 32}, "%warpid": {"(thread.linear / 32u)", 32},
	"%nwarpid":           {"((block.size.x * block.size.y * block.size.z + 31u) / 32u)", 32},
	"%lanemask_eq":       {"(1u << (thread.linear & 31u))", 32},
	"%lanemask_lt":       {"((1u << (thread.linear & 31u)) - 1u)", 32},
	"%lanemask_le":       {"((2u << (thread.linear & 31u)) - 1u)", 32},
	"%lanemask_gt":       {"~((2u << (thread.linear & 31u)) - 1u)", 32},
	"%lanemask_ge":       {"~((1u << (thread.linear & 31u)) - 1u)", 32},
	"%smid":              {"0u", 32},
	"%nsmid":             {"1u", 32},
	"%gridid":            {"0ull", 64},
	"%clock":             {"(uint32_t)ptx::clock()", 32},
	"%clock_hi":          {"(uint32_t)(ptx::clock() >> 32)", 32},
	"%clock64":           {"ptx::clock()", 64},
	"%globaltimer":       {"ptx::clock()", 64},
	"%globaltimer_lo":    {"(uint32_t)ptx::clock()", 32},
	"%globaltimer_hi":    {"(uint32_t)(ptx::clock() >> 32)", 32},
	"%dynamic_smem_size": {"ptx::dynamic_bytes(block)", 32},
	"%total_smem_size":   {"block.shared_bytes", 32},
	"WARP_SZ":            {"32u", 32},
}

// read is an operand's value, as a C++ expression of type t. The widths must agree; wide allows a register of more
// bits, of which the lower are read, and for conversions of fewer.
func (e *emitter) read(line int, o operand, t ptxType) (string, error) {
	return e.readAs(line, o, t, false)
}

func (e *emitter) readAs(line int, o operand, t ptxType, wide bool) (string, error) {
	switch o.kind {
	case integer, float, double:
		return literal(line, o, t)
	case name:
	default:
		return "", lex.Errorf(line, "an operand that cannot be read as %s", t.name)
	}
	if s, ok := special[o.text]; ok && !o.negated && o.offset == 0 {
		if t.class == 'p' || t.class == 'f' {
			return "", lex.Errorf(line, "%s is no %s", o.text, t.name)
		}
		return fmt.Sprintf("(%s)%s", t.cpp(), s.cpp), nil
	}
	sym := e.find(o.text)
	if sym != nil && sym.variable != nil && sym.variable.Space != "reg" && !o.negated {
		where, err := e.addressOf(line, sym, o.offset)
		if err == nil && t.class == 'f' || t.class == 'p' || t.bits < 32 {
			err = lex.Errorf(line, "the address of %s as %s", o.text, t.name)
		}
		return fmt.Sprintf("(%s)%s", t.cpp(), where), err
	}
	sym, holds, err := e.register(line, o.text)
	if err != nil {
		return "", err
	}
	if o.offset != 0 {
		return "", lex.Errorf(line, "an offset to a register outside of an address")
	}
	switch {
	case o.negated && (t.class != 'p' || holds.class != 'p'):
		return "", lex.Errorf(line, "! before what is no predicate")
	case o.negated:
		return "!" + sym.cpp, nil
	case (holds.class == 'p') != (t.class == 'p') || holds.bits != t.bits && !(wide && holds.bits > t.bits):
		return "", lex.Errorf(line, "%s is %s, want %s", o.text, holds.name, t.name)
	}
	return convert(sym.cpp, holds, t), nil
}

// convert keeps the lower bits of a register: of type from, as type to.
func convert(text string, from, to ptxType) string {
	switch {
	case from.cpp() == to.cpp():
		return text
	case !from.float() && !to.float():
		return fmt.Sprintf("(%s)%s", to.cpp(), text)
	case from.bits == to.bits:
		return fmt.Sprintf("sim::as<%s>(%s)", to.cpp(), text)
	}
	return convert(fmt.Sprintf("sim::as<%s>(%s)", from.as('u', 1).cpp(), text), from.as('u', 1), to)
}

// literal is a constant as C++.
func literal(line int, o operand, t ptxType) (string, error) {
	if t.class == 'p' {
		if o.kind != integer {
			return "", lex.Errorf(line, "a float as a predicate")
		}
		return strconv.FormatBool(o.bits != 0), nil
	}
	if t.float() {
		return floatLiteral(line, o, t)
	}
	bits := o.bits
	if o.kind == float && t.bits != 32 || o.kind == double && t.bits != 64 {
		return "", lex.Errorf(line, "a float as %s", t.name)
	}
	if t.bits < 64 {
		bits &= 1<<t.bits - 1
	}
	if t.bits == 32 && t.class != 's' {
		return fmt.Sprintf("%#xu", bits), nil
	}
	return fmt.Sprintf("(%s)%#x", t.cpp(), bits), nil
}

// floatLiteral writes a number in hexadecimal, which C++ reads exactly; what is no number by its bits.
func floatLiteral(line int, o operand, t ptxType) (string, error) {
	var x float64
	switch o.kind {
	case float:
		x = float64(math.Float32frombits(uint32(o.bits)))
	case double:
		x = math.Float64frombits(o.bits)
	default:
		return "", lex.Errorf(line, "an integer as %s", t.name)
	}
	special := math.IsNaN(x) || math.IsInf(x, 0)
	switch {
	case t.bits == 32 && special && o.kind == float:
		return fmt.Sprintf("sim::float_of(%#xu)", o.bits), nil
	case t.bits == 32 && special:
		return fmt.Sprintf("sim::float_of(%#xu)", math.Float32bits(float32(x))), nil
	case t.bits == 32:
		return strconv.FormatFloat(float64(float32(x)), 'x', -1, 32) + "f", nil
	case special:
		return fmt.Sprintf("sim::as<double>((uint64_t)%#xull)", math.Float64bits(x)), nil
	}
	return strconv.FormatFloat(x, 'x', -1, 64), nil
}

// write is a statement that puts an expression of type t into a register. wide allows a wider one: signed values are
// extended by their sign, others by zeros. What is written to _ is lost.
func (e *emitter) write(line int, o operand, t ptxType, expression string) (string, error) {
	return e.writeAs(line, o, t, expression, false)
}

func (e *emitter) writeAs(line int, o operand, t ptxType, expression string, wide bool) (string, error) {
	if o.kind != name || o.negated || o.offset != 0 {
		return "", lex.Errorf(line, "a destination that is no register")
	}
	if o.text == "_" {
		return fmt.Sprintf("(void)(%s);", expression), nil
	}
	sym, holds, err := e.register(line, o.text)
	if err != nil {
		return "", err
	}
	if (holds.class == 'p') != (t.class == 'p') || holds.bits != t.bits && !(wide && holds.bits > t.bits && !t.float()) {
		return "", lex.Errorf(line, "%s is %s, want %s", o.text, holds.name, t.name)
	}
	switch {
	case holds.float() && !t.float():
		cast := t.as('u', 1)
		if holds.bits > t.bits { // by way of an integer as wide as the register
			cast = holds.as(map[bool]byte{true: 's', false: 'u'}[t.class == 's'], 1)
		}
		return fmt.Sprintf("%s = sim::as<%s>((%s)(%s));", sym.cpp, holds.cpp(), cast.cpp(), expression), nil
	case !holds.float() && t.float():
		return fmt.Sprintf("%s = sim::as<%s>((%s)(%s));", sym.cpp, t.as('u', 1).cpp(), t.cpp(), expression), nil
	}
	return fmt.Sprintf("%s = %s;", sym.cpp, expression), nil
}
