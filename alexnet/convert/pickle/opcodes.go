package pickle

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"

	"duet/internal/invalid"
)

// opcodes are all that Python has, by their byte. Those without a function are refused.
var opcodes [256]struct {
	name string
	do   func(*machine) error
}

func init() {
	for _, table := range []map[byte]opcode{control, constants, texts, containers, calls, refused} {
		for code, op := range table {
			opcodes[code].name, opcodes[code].do = op.name, op.do
		}
	}
}

type opcode struct {
	name string
	do   func(*machine) error
}

// refused are opcodes that neither torch.save nor NumPy writes: classes without a function, registered extensions,
// recursive tuples, sets, buffers outside of the file.
var refused = map[byte]opcode{
	'0': {"POP", nil}, '1': {"POP_MARK", nil}, '2': {"DUP", nil}, 'i': {"INST", nil}, 'o': {"OBJ", nil},
	0x82: {"EXT1", nil}, 0x83: {"EXT2", nil}, 0x84: {"EXT4", nil}, 0x8f: {"EMPTY_SET", nil}, 0x90: {"ADDITEMS", nil},
	0x91: {"FROZENSET", nil}, 0x97: {"NEXT_BUFFER", nil}, 0x98: {"READONLY_BUFFER", nil},
}

// control are the opcodes of the machine itself.
var control = map[byte]opcode{
	0x80: {"PROTO", proto},
	0x95: {"FRAME", func(m *machine) error {
		n, err := m.in.number(8)
		if err != nil {
			return err
		}
		return m.frame.begin(m.in.at, n, m.in.left)
	}},
	'.': {"STOP", (*machine).stop},
	'(': {"MARK", func(m *machine) error {
		m.marks = append(m.marks, len(m.stack))
		return nil
	}},
	'p':  {"PUT", memoText((*machine).put)},
	'q':  {"BINPUT", memo(1, (*machine).put)},
	'r':  {"LONG_BINPUT", memo(4, (*machine).put)},
	0x94: {"MEMOIZE", (*machine).memoize},
	'g':  {"GET", memoText((*machine).get)},
	'h':  {"BINGET", memo(1, (*machine).get)},
	'j':  {"LONG_BINGET", memo(4, (*machine).get)},
}

// constants are values with binary arguments, or none.
var constants = map[byte]opcode{
	'N':  {"NONE", constant(nil)},
	0x88: {"NEWTRUE", constant(true)},
	0x89: {"NEWFALSE", constant(false)},
	'J':  {"BININT", integer(4, func(n uint64) int64 { return int64(int32(uint32(n))) })},
	'K':  {"BININT1", integer(1, func(n uint64) int64 { return int64(n) })},
	'M':  {"BININT2", integer(2, func(n uint64) int64 { return int64(n) })},
	0x8a: {"LONG1", long(1)},
	0x8b: {"LONG4", long(4)},
	'G': {"BINFLOAT", func(m *machine) error {
		n, err := m.in.number(8)
		if err == nil {
			m.push(math.Float64frombits(bits.ReverseBytes64(n))) // the only one in big endian
		}
		return err
	}},
	'T':  {"BINSTRING", counted(4, func(b []byte) (any, error) { return string(b), nil })},
	'U':  {"SHORT_BINSTRING", counted(1, func(b []byte) (any, error) { return string(b), nil })},
	'B':  {"BINBYTES", counted(4, func(b []byte) (any, error) { return b, nil })},
	'C':  {"SHORT_BINBYTES", counted(1, func(b []byte) (any, error) { return b, nil })},
	0x8e: {"BINBYTES8", counted(8, func(b []byte) (any, error) { return b, nil })},
	0x96: {"BYTEARRAY8", counted(8, func(b []byte) (any, error) { return b, nil })},
	'X':  {"BINUNICODE", counted(4, unicode)},
	0x8c: {"SHORT_BINUNICODE", counted(1, unicode)},
	0x8d: {"BINUNICODE8", counted(8, unicode)},
}

// containers are the opcodes that make them or fill them.
var containers = map[byte]opcode{
	']': {"EMPTY_LIST", func(m *machine) error { m.push(&List{}); return nil }},
	'}': {"EMPTY_DICT", func(m *machine) error { m.push(&Dict{}); return nil }},
	')': {"EMPTY_TUPLE", func(m *machine) error { m.push(&Tuple{}); return nil }},
	'l': {"LIST", func(m *machine) error {
		items, err := m.popMark()
		if err != nil {
			return err
		}
		items = append([]any(nil), items...)
		m.push(&List{})
		return m.extend(items, nil)
	}},
	'd': {"DICT", func(m *machine) error {
		pairs, err := m.popMark()
		if err != nil {
			return err
		}
		pairs = append([]any(nil), pairs...)
		m.push(&Dict{})
		return m.update(pairs, nil)
	}},
	't':  {"TUPLE", func(m *machine) error { return m.pushTuple(m.popMark()) }},
	0x85: {"TUPLE1", func(m *machine) error { return m.pushTuple(m.pop(1)) }},
	0x86: {"TUPLE2", func(m *machine) error { return m.pushTuple(m.pop(2)) }},
	0x87: {"TUPLE3", func(m *machine) error { return m.pushTuple(m.pop(3)) }},
	'a':  {"APPEND", func(m *machine) error { return m.extend(m.pop(1)) }},
	'e':  {"APPENDS", func(m *machine) error { return m.extend(m.popMark()) }},
	's':  {"SETITEM", func(m *machine) error { return m.update(m.pop(2)) }},
	'u':  {"SETITEMS", func(m *machine) error { return m.update(m.popMark()) }},
}

// calls are the opcodes in which Python would run code.
var calls = map[byte]opcode{
	'c':  {"GLOBAL", globalText},
	0x93: {"STACK_GLOBAL", (*machine).stackGlobal},
	'R':  {"REDUCE", (*machine).call},
	0x81: {"NEWOBJ", (*machine).call},
	0x92: {"NEWOBJ_EX", (*machine).callKeywords},
	'b':  {"BUILD", (*machine).build},
	'P': {"PERSID", func(m *machine) error {
		id, err := m.in.line(0)
		if err != nil {
			return err
		}
		return m.persistent(id)
	}},
	'Q': {"BINPERSID", func(m *machine) error {
		id, err := m.pop(1)
		if err != nil {
			return err
		}
		return m.persistent(id[0])
	}},
}

// proto is the opcode with which protocol 2 and later begin.
func proto(m *machine) error {
	n, err := m.in.number(1)
	switch {
	case err != nil:
		return err
	case n > 5:
		return fmt.Errorf("protocol %d, want at most 5", n)
	case m.in.at != 2:
		return errors.New("in the middle of the pickle, want it at the beginning")
	}
	return nil
}

func memo(bytes int, do func(*machine, uint64) error) func(*machine) error {
	return func(m *machine) error {
		n, err := m.in.number(bytes)
		if err != nil {
			return err
		}
		return do(m, n)
	}
}

func constant(v any) func(*machine) error {
	return func(m *machine) error {
		m.push(v)
		return nil
	}
}

func integer(bytes int, value func(uint64) int64) func(*machine) error {
	return func(m *machine) error {
		n, err := m.in.number(bytes)
		if err == nil {
			m.push(value(n))
		}
		return err
	}
}

// counted is a value of bytes that stand behind their number.
func counted(lengthBytes int, value func([]byte) (any, error)) func(*machine) error {
	return func(m *machine) error {
		b, err := m.in.counted(lengthBytes)
		if err != nil {
			return err
		}
		v, err := value(b)
		if err == nil {
			m.push(v)
		}
		return err
	}
}

func unicode(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("\"%s\" is not UTF-8, as a str has to be", invalid.Short(string(b)))
	}
	return string(b), nil
}
