package main

import (
	"fmt"

	"duet/kernels/ptxinfo/lex"
)

// addressOf is the address of a variable, as an integer.
func (e *emitter) addressOf(line int, sym *symbol, offset int64) (string, error) {
	v := sym.variable
	if v.Space != "shared" {
		return fmt.Sprintf("((uint64_t)(uintptr_t)%s + %d)", sym.cpp, offset), nil
	}
	at, known := e.offsets[v]
	switch {
	case known:
		return fmt.Sprintf("%du", int64(at)+offset), nil
	case v.Size() > 0:
		return "", lex.Errorf(line, "shared variable %s has no place", v.Name)
	case e.f.Entry: // dynamic memory begins behind what is static
		return fmt.Sprintf("%du", int64(e.shared)+offset), nil
	}
	return fmt.Sprintf("((uint32_t)(block.dynamic - block.shared) + %d)", offset), nil
}

// slots of the windows that global accesses are checked against (runtime.h): 64 for each size.
const slots = 64

type slotKey struct {
	base  string
	class int
}

// slot gives accesses by the same register and of the same size the same window.
func (e *emitter) slot(base string, bytes int) int {
	class := 0
	for 1<<class < bytes {
		class++
	}
	key := slotKey{base, class}
	if _, known := e.slots[key]; !known {
		e.slots[key] = len(e.slots) % slots
	}
	return class*slots + e.slots[key]
}

// location is where an access of so many bytes goes, as a pointer to char, checked as well as the space allows.
func (e *emitter) location(in *instruction, o operand, space string, bytes int) (string, error) {
	if o.kind != address {
		return "", fmt.Errorf("an operand that is no address")
	}
	if o.text != "" {
		if sym := e.find(o.text); sym != nil && sym.variable != nil && sym.variable.Space != "reg" {
			return e.inVariable(in, sym, o.offset, space, bytes)
		}
	}
	where, err := e.pointer(in, o, space == "shared")
	if err != nil {
		return "", err
	}
	switch space {
	case "shared":
		return fmt.Sprintf("ptx::shared(block, %s, %d)", where, bytes), nil
	case "local", "param":
		return fmt.Sprintf("(char *)(uintptr_t)(%s)", where), nil
	}
	return fmt.Sprintf("ptx::global(block, %s, %d, %d)", where, bytes, e.slot(o.text, bytes)), nil
}

// pointer is an address by a register or a number, as an integer; those of shared memory may have 32 bits.
func (e *emitter) pointer(in *instruction, o operand, short bool) (string, error) {
	if o.text == "" {
		return fmt.Sprintf("%#xull", uint64(o.offset)), nil
	}
	sym, t, err := e.register(in.line, o.text)
	if err != nil {
		return "", err
	}
	if t.float() || t.class == 'p' || t.bits != 64 && (t.bits != 32 || !short) {
		return "", fmt.Errorf("an address in %s, which is %s", o.text, t.name)
	}
	switch {
	case o.offset == 0:
		return sym.cpp, nil
	case t.bits == 32:
		return fmt.Sprintf("(uint32_t)(%s + %d)", sym.cpp, o.offset), nil
	}
	return fmt.Sprintf("%s + %d", sym.cpp, o.offset), nil
}

// inVariable is an access to a variable by its name: its bounds are known here.
func (e *emitter) inVariable(in *instruction, sym *symbol, offset int64, space string, bytes int) (string, error) {
	v := sym.variable
	if v.Space != space && space != "generic" {
		return "", fmt.Errorf("%s is in .%s memory, not in .%s", v.Name, v.Space, space)
	}
	if v.Size() > 0 && (offset < 0 || offset+int64(bytes) > int64(v.Size())) {
		return "", fmt.Errorf("bytes %d to %d of %s, which has %d", offset, offset+int64(bytes)-1, v.Name, v.Size())
	}
	if v.Space != "shared" {
		return fmt.Sprintf("(char *)%s + %d", sym.cpp, offset), nil
	}
	where, err := e.addressOf(in.line, sym, offset)
	if err == nil && v.Size() == 0 {
		return fmt.Sprintf("ptx::shared(block, %s, %d)", where, bytes), nil
	}
	return fmt.Sprintf("block.shared + %s", where), err
}
