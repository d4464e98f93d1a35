//go:build gpu

package cuda

import (
	"fmt"
	"math"
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
	stepClear                  // zero bytes at args[0]
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
}

// String is what errors say of a step.
func (s *step) String() string {
	if s.kind != stepLaunch {
		return fmt.Sprintf("%s of %d bytes", s.name, s.bytes)
	}
	text := fmt.Sprintf("%s grid=%v block=%v", s.name, s.grid, s.block)
	if s.dynamic > 0 {
		text += fmt.Sprintf(" shared=%d", s.dynamic)
	}
	var args []string
	for _, a := range s.args {
		args = append(args, a.String())
	}
	return text + "(" + strings.Join(args, ", ") + ")"
}

// argument is a pointer to an operand, or the bits of a scalar.
type argument struct {
	pointer bool
	operand operand
	bits    uint64
	kind    string // of a scalar: b32, b64 or f32
	text    string
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

// argumentOf is a Go value as an argument.
func argumentOf(v any) (argument, error) {
	switch v := v.(type) {
	case operand:
		return argument{pointer: true, operand: v}, nil
	case int32:
		return argument{bits: uint64(uint32(v)), kind: "b32", text: fmt.Sprint(v)}, nil
	case uint32:
		return argument{bits: uint64(v), kind: "b32", text: fmt.Sprint(v)}, nil
	case int64:
		return argument{bits: uint64(v), kind: "b64", text: fmt.Sprint(v)}, nil
	case uint64:
		return argument{bits: v, kind: "b64", text: fmt.Sprint(v)}, nil
	case float32:
		return argument{bits: uint64(math.Float32bits(v)), kind: "f32", text: fmt.Sprint(v)}, nil
	}
	return argument{}, fmt.Errorf("a %T, want an operand, int32, uint32, int64, uint64 or float32", v)
}

// fits says whether an argument is what a parameter takes. PTX says u64 of pointers as of 64-bit integers, and does not
// tell signed from unsigned.
func (a argument) fits(p ptxinfo.Param) bool {
	switch p.Type {
	case "f32":
		return a.kind == "f32"
	case "u32", "s32", "b32":
		return a.kind == "b32"
	case "u64", "s64", "b64":
		return a.pointer || a.kind == "b64"
	}
	return false
}

// check holds a launch against the parameter list of its entry and the limits of the device.
func (s *step) check(l limits) error {
	params := s.function.entry.Params
	if len(s.args) != len(params) {
		return fmt.Errorf("%d arguments, and the PTX has %d parameters", len(s.args), len(params))
	}
	for i, a := range s.args {
		if !a.fits(params[i]) {
			return fmt.Errorf("argument %d is %v, and the PTX has %s", i, a, params[i].Type)
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
}
