// Package compose writes pickles, opcode by opcode: what the tests of their readers read.
package compose

import (
	"encoding/binary"
	"strings"
)

// Values without parts.
const (
	None, True, False     = "N", "\x88", "\x89"
	EmptyDict, EmptyTuple = "}", ")"
	Ordered               = "ccollections\nOrderedDict\n)R" // an empty OrderedDict
)

// Pickle is a whole one, of protocol 2.
func Pickle(value string) string { return "\x80\x02" + value + "." }

// U32 is a number of four bytes, as lengths are.
func U32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

// U64 is a number of eight bytes.
func U64(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

// Str is a str.
func Str(s string) string { return "X" + U32(len(s)) + s }

// Bytes are bytes.
func Bytes(b string) string { return "B" + U32(len(b)) + b }

// Int is an int.
func Int(n int64) string { return "\x8a\x08" + U64(uint64(n)) }

// Tuple is a tuple of values.
func Tuple(values ...string) string { return "(" + strings.Join(values, "") + "t" }

// Ints is a tuple of ints.
func Ints(numbers ...int64) string {
	values := make([]string, len(numbers))
	for i, n := range numbers {
		values[i] = Int(n)
	}
	return Tuple(values...)
}

// List is a list of values.
func List(values ...string) string { return "](" + strings.Join(values, "") + "e" }

// Dict is a dict of keys and values, which take turns.
func Dict(pairs ...string) string { return "}(" + strings.Join(pairs, "") + "u" }

// Global is a function or class by its name.
func Global(module, name string) string { return "c" + module + "\n" + name + "\n" }

// Call is what a function gives for arguments.
func Call(function string, args ...string) string { return function + Tuple(args...) + "R" }

// Build gives a value its state.
func Build(value, state string) string { return value + state + "b" }

// Persistent is what stands elsewhere under an id.
func Persistent(id string) string { return id + "Q" }

// Put is a value that is remembered under a number, and Get is it once more.
func Put(value string, n byte) string { return value + "q" + string([]byte{n}) }

// Get is what was remembered.
func Get(n byte) string { return "h" + string([]byte{n}) }
