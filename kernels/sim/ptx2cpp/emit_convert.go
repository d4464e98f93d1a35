package main

import (
	"fmt"
	"slices"
)

// convertHandlers are cvt alone; PTX ISA, 9.7.9.21.
var convertHandlers = map[string]handler{"cvt": cvt}

const convertible = "u8|u16|u32|u64|s8|s16|s32|s64|f16|bf16|tf32|f32|f64"

var (
	cvtPattern = compile("rn|rz|rm|rp|rna|rni|rzi|rmi|rpi? relu? ftz? sat? " + convertible + " " + convertible)
	cvtPacked  = compile("rn|rz relu? f16x2|bf16x2 f32")
)

// conversion is a cvt with its modifiers.
type conversion struct {
	rounding string // "" for none
	integral bool   // rounds to an integer: .rni
	relu     bool
	ftz, sat bool
	to, from ptxType
}

func cvt(e *emitter, in *instruction) (string, error) {
	if got, ok := cvtPacked.match(in.modifiers); ok {
		return e.convertPair(in, got)
	}
	got, ok := cvtPattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, 2, 2); err != nil {
		return "", err
	}
	c := conversion{rounding: got[0], relu: got[1] != "", ftz: got[2] != "", sat: got[3] != ""}
	if len(c.rounding) == 3 && c.rounding != "rna" {
		c.rounding, c.integral = c.rounding[:2], true
	}
	c.to, _ = typeNamed(got[4])
	c.from, _ = typeNamed(got[5])
	value, err := e.readAs(in.line, in.operands[1], c.from, true)
	if err != nil {
		return "", err
	}
	text, ok := c.code(value)
	if !ok {
		return "", unknown(in)
	}
	return e.writeAs(in.line, in.operands[0], c.to, text, true)
}

func isInteger(t ptxType) bool { return t.class == 'u' || t.class == 's' }

// code is the converted value; false where PTX has no such conversion.
func (c conversion) code(value string) (string, bool) {
	if c.from.name == "tf32" || c.ftz && c.from.name != "f32" && c.to.name != "f32" || c.relu && c.to.class != 'h' {
		return "", false
	}
	switch fromInteger, toInteger := isInteger(c.from), isInteger(c.to); {
	case fromInteger && toInteger:
		if c.sat {
			return fmt.Sprintf("ptx::clamped<%s>(%s)", c.to.cpp(), value), c.rounding == ""
		}
		return fmt.Sprintf("(%s)%s", c.to.cpp(), value), c.rounding == ""
	case fromInteger:
		return c.fromInteger(value)
	}
	value = c.number(value)
	if isInteger(c.to) {
		return fmt.Sprintf("ptx::to_integer<%s, ptx::%s>(%s)", c.to.cpp(), c.rounding, value), c.integral
	}
	return c.floats(value)
}

// number is a float that C++ knows.
func (c conversion) number(value string) string {
	switch {
	case c.from.class == 'h':
		return fmt.Sprintf("ptx::half_value<ptx::%s>(%s)", c.from.name, value)
	case c.ftz && c.from.name == "f32":
		return fmt.Sprintf("ptx::flush(%s)", value)
	}
	return value
}

func (c conversion) fromInteger(value string) (string, bool) {
	valid := !c.integral && slices.Contains([]string{"rn", "rz", "rm", "rp"}, c.rounding)
	switch {
	case c.to.class == 'h':
		return c.small(fmt.Sprintf("ptx::odd(%s)", value)), valid
	case c.rounding == "rn":
		value = fmt.Sprintf("(%s)%s", c.to.cpp(), value)
	default:
		value = fmt.Sprintf("ptx::from_integer<%s, ptx::%s>(%s)", c.to.cpp(), c.rounding, value)
	}
	return c.saturated(value), valid
}

// floats converts between floats: to the same with or without rounding to an integer, to a wider one without, to a
// narrower one with a rounding.
func (c conversion) floats(value string) (string, bool) {
	if c.from.name == c.to.name {
		if c.integral {
			value = fmt.Sprintf("ptx::integral<ptx::%s>(%s)", c.rounding, value)
		}
		valid := c.integral || c.rounding == ""
		if c.to.class == 'h' {
			c.rounding = "rn"
			return c.small(value), valid
		}
		if c.ftz {
			value = fmt.Sprintf("ptx::flush(%s)", value)
		}
		return c.saturated(value), valid
	}
	wider := c.to.name == "f64" || c.to.name == "f32" && c.from.class == 'h'
	if wider {
		return c.saturated(fmt.Sprintf("(%s)%s", c.to.cpp(), value)), c.rounding == ""
	}
	valid := c.rounding != "" && !c.integral && (c.rounding != "rna" || c.to.name == "tf32")
	switch {
	case c.to.class == 'h':
		return c.small(value), valid
	case c.rounding == "rn":
		value = fmt.Sprintf("(float)%s", value)
	default:
		value = fmt.Sprintf("ptx::narrowed<ptx::%s>(%s)", c.rounding, value)
	}
	if c.ftz {
		value = fmt.Sprintf("ptx::flush(%s)", value)
	}
	return c.saturated(value), valid
}

func (c conversion) saturated(value string) string {
	if c.sat {
		return fmt.Sprintf("ptx::saturate(%s)", value)
	}
	return value
}

// small rounds to a small float; its limits of 0 and 1 are exact, so that saturating first is the same.
func (c conversion) small(value string) string {
	text := fmt.Sprintf("ptx::half_of<ptx::%s, ptx::%s>(%s)", c.to.name, c.rounding, c.saturated(value))
	if c.relu {
		text = fmt.Sprintf("ptx::half_relu<ptx::%s>(%s)", c.to.name, text)
	}
	return text
}

// convertPair rounds two floats, the first into the upper half.
func (e *emitter) convertPair(in *instruction, got []string) (string, error) {
	if err := count(in, 3, 3); err != nil {
		return "", err
	}
	f32, _ := typeNamed("f32")
	v, err := e.reads(in, f32, in.operands[1:]...)
	if err != nil {
		return "", err
	}
	packed, _ := typeNamed(got[2])
	half, _ := typeNamed(got[2][:len(got[2])-2])
	c := conversion{rounding: got[0], relu: got[1] != "", to: half, from: f32}
	return e.write(in.line, in.operands[0], packed, fmt.Sprintf("(uint32_t)%s << 16 | %s", c.small(v[0]), c.small(v[1])))
}
