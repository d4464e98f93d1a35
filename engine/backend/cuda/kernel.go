//go:build gpu

package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/kernels/ptxinfo"
)

// kernel is a backend.Kernel: a sequence of steps on one device.
type kernel struct {
	on      *device
	op      op.Op
	in      []*layout
	out     []backend.Layout
	scratch int64
	inPlace int
	steps   []step
}

func (k *kernel) Out() []backend.Layout { return k.out }
func (k *kernel) Scratch() int64        { return k.scratch }
func (k *kernel) InPlace() int          { return k.inPlace }

// String names the launches.
func (k *kernel) String() string {
	var names []string
	for i := range k.steps {
		names = append(names, k.steps[i].name)
	}
	if len(names) == 0 {
		return "nothing to do"
	}
	return strings.Join(names, " ")
}

// stepKind is what a step of a kernel does.
type stepKind uint8

const (
	stepLaunch stepKind = iota // run function with args
	stepCopy                   // copy bytes from args[1] to args[0]
)

// step is one call of the driver.
type step struct {
	kind        stepKind
	name        string
	function    *function
	grid, block [3]uint32
	dynamic     uint32
	args        []argument
	bytes       int64
	elements    int64 // of a row, for a program to make a launch of (rows.go); else 0
}

// String is what errors say of a step.
func (s *step) String() string {
	if s.kind != stepLaunch {
		return fmt.Sprintf("%s of %d bytes", s.name, s.bytes)
	}
	text := s.name
	if s.elements == 0 {
		text += fmt.Sprintf(" grid=%v block=%v", s.grid, s.block)
	}
	if s.dynamic > 0 {
		text += fmt.Sprintf(" shared=%d", s.dynamic)
	}
	var args []string
	for _, a := range s.args {
		args = append(args, a.String())
	}
	return text + "(" + strings.Join(args, ", ") + ")"
}

// argument is a pointer to an operand, a scalar, or a struct of scalars.
type argument struct {
	pointer bool
	operand operand
	bytes   []byte  // of a scalar or a struct, as in memory
	fields  []field // the scalars; of a struct, in the order of their offsets
	align   int
	text    string
}

// field is a scalar of an argument.
type field struct {
	offset int
	kind   string // b32, b64 or f32
}

func (a argument) String() string {
	if a.pointer && a.operand.space == none {
		return "null"
	}
	if a.pointer {
		return fmt.Sprintf("%v of %d bytes", a.operand.element, a.operand.bytes)
	}
	return a.text
}

// argumentOf is a Go value as an argument. Structs lie in Go as in C: each field at a multiple of its size.
func argumentOf(v any) (argument, error) {
	if o, is := v.(operand); is {
		return argument{pointer: true, operand: o}, nil
	}
	x := reflect.ValueOf(v)
	a := argument{text: fmt.Sprintf("%+v", v)}
	if v != nil {
		a.bytes, a.align = make([]byte, x.Type().Size()), x.Type().Align()
	}
	if v == nil || !a.add(x, 0) {
		return argument{}, fmt.Errorf("a %T, want an operand, int32, uint32, int64, uint64, float32 or a struct of them", v)
	}
	return a, nil
}

// word is a scalar as 8 bytes.
func (a argument) word() uint64 {
	var w [8]byte
	copy(w[:], a.bytes)
	return binary.LittleEndian.Uint64(w[:])
}

// add puts a value at an offset; false where it is none that kernels take.
func (a *argument) add(x reflect.Value, offset int) bool {
	to, kind := a.bytes[offset:], "b32"
	switch x.Kind() {
	case reflect.Int32:
		binary.LittleEndian.PutUint32(to, uint32(x.Int()))
	case reflect.Uint32:
		binary.LittleEndian.PutUint32(to, uint32(x.Uint()))
	case reflect.Int64:
		binary.LittleEndian.PutUint64(to, uint64(x.Int()))
		kind = "b64"
	case reflect.Uint64:
		binary.LittleEndian.PutUint64(to, x.Uint())
		kind = "b64"
	case reflect.Float32:
		binary.LittleEndian.PutUint32(to, math.Float32bits(float32(x.Float())))
		kind = "f32"
	case reflect.Struct:
		for i := range x.NumField() {
			if !a.add(x.Field(i), offset+int(x.Type().Field(i).Offset)) {
				return false
			}
		}
		return true
	default:
		return false
	}
	a.fields = append(a.fields, field{offset, kind})
	return true
}

// fits says whether an argument is what a parameter takes: a struct of the size, with a field of the type at each
// offset that the kernel reads.
func (a argument) fits(p ptxinfo.Param) bool {
	if p.Type != "b8" {
		return a.pointer && fits("b64", p.Type) || len(a.fields) == 1 && fits(a.fields[0].kind, p.Type)
	}
	if len(a.bytes) != p.Bytes || a.align != p.Align {
		return false
	}
	for _, l := range p.Loads {
		if !slices.ContainsFunc(a.fields, func(f field) bool { return f.offset == l.Offset && fits(f.kind, l.Type) }) {
			return false
		}
	}
	return true
}

// fits says whether a scalar is of a type of PTX, which says u64 of pointers as of 64-bit integers, and does not tell
// signed from unsigned.
func fits(kind, typ string) bool {
	switch typ {
	case "u32", "s32", "b32":
		return kind == "b32"
	case "u64", "s64", "b64":
		return kind == "b64"
	}
	return kind == typ
}

// check holds a launch against the parameter list of its entry and the limits of the device.
func (s *step) check(l limits) error {
	params := s.function.entry.Params
	if len(s.args) != len(params) {
		return fmt.Errorf("%d arguments, and the PTX has %d parameters", len(s.args), len(params))
	}
	for i, a := range s.args {
		if !a.fits(params[i]) {
			return fmt.Errorf("argument %d is %v, and the PTX has %+v", i, a, params[i])
		}
	}
	threads := uint64(1)
	for i := range 3 {
		threads *= uint64(s.block[i])
		if s.grid[i] > l.grid[i] || s.block[i] > l.block[i] {
			return fmt.Errorf("a grid may have %v blocks and a block %v threads", l.grid, l.block)
		}
	}
	most := uint64(l.threads)
	if n := s.function.entry.MaxThreads; n > 0 {
		most = min(most, uint64(n))
	}
	if threads > most {
		return fmt.Errorf("%d threads in a block, at most %d", threads, most)
	}
	if all := int(s.dynamic) + s.function.entry.SharedBytes; all > l.shared {
		return fmt.Errorf("%d bytes of shared memory, at most %d", all, l.shared)
	}
	return nil
}

// triple is dims for the driver.
func (d dims) triple() [3]uint32 {
	return [3]uint32{uint32(max(1, d.x)), uint32(max(1, d.y)), uint32(max(1, d.z))}
}

// limits are those of a device that a launch must keep.
type limits struct {
	grid, block [3]uint32
	threads     uint32 // of a block
	shared      int    // bytes of a block
	units       int    // multiprocessors
	sharedInAll int    // bytes of a multiprocessor
}
