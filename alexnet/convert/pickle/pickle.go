// Package pickle reads Python's pickles without running anything that stands in them.
//
// A pickle is a program for a small machine with a stack and a memo. In Python it may name any function and call it;
// here it may name only what the caller lists, each a function in Go, and the machine has only those opcodes that
// torch.save and NumPy write, of the protocols 0 to 5. Everything else is an error that says at which byte.
//
// Python's values become:
//
//	None, bool, float    nil, bool, float64
//	int                  int64, or *big.Int where that is too small
//	str                  string; in pickles of Python 2, whose str are bytes, a string that need not be UTF-8
//	bytes, bytearray     []byte
//	list, tuple          *List, *Tuple
//	dict, OrderedDict    *Dict, in its order; the attributes of an OrderedDict are dropped
//	a function or class  *Global, to compare by name; called, what the caller's function for it gives
//
// No value contains itself, and none is nested deeper than a limit. But a pickle may name one value many times, and
// then what is reached by walking can be exponentially more than what is there: who walks has to bound it.
//
// Memory is at most about 150 bytes for a byte of the pickle, beside what the caller's functions take, and the bytes of
// a long value at most three times while they are read. Source of the opcodes: Python's Lib/pickletools.py.
package pickle

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"duet/internal/invalid"
)

// The limits. What weights need lies far below: a hundred thousand tensors are two million opcodes and four levels.
const (
	maxOpcodes = 1 << 22 // read in one pickle
	maxDepth   = 100     // of containers in each other
	maxInteger = 256     // bytes of an integer
	maxName    = 256     // bytes of a module's or a global's name
)

// Func is what a global does when the pickle calls it. The arguments are not to be changed.
type Func func(args []any) (any, error)

// State is what a value of the caller implements to which the pickle may give a state (opcode BUILD) after it was made.
type State interface {
	SetState(state any) error
}

// Options say what a pickle may use.
type Options struct {
	// Globals are what it may name beside OrderedDict and bytes, as "torch._utils._rebuild_tensor_v2". Those with a
	// nil Func are values only.
	Globals map[string]Func
	// Persistent gives the value that stands elsewhere, under this id; nil: there are none.
	Persistent func(id any) (any, error)
	// Base is added to the offsets in errors: the pickle's own in its file.
	Base int64
	// Size is how many bytes the reader has, and more may follow the pickle; 0: not known. Then a length that lies is
	// found only when the reader ends.
	Size int64
}

// GlobalError is a global that is not among those of Options.
type GlobalError struct{ Name string }

func (e *GlobalError) Error() string {
	return fmt.Sprintf("%s is not among what may be made, and no code of a file is run", invalid.Short(e.Name))
}

// Error is what is wrong with a pickle, and where.
type Error struct {
	Offset int64  // of the opcode, in the file
	Opcode string // its name in Python's pickletools; "" at the end of the file
	Err    error
}

func (e *Error) Error() string {
	if e.Opcode == "" {
		return fmt.Sprintf("byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("byte %d: %s: %v", e.Offset, e.Opcode, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Load reads one pickle. Of a reader that is an io.ByteReader too it takes no byte more than the pickle has. The error
// is an *Error.
func Load(r io.Reader, o Options) (any, error) {
	in := &input{base: o.Base, left: -1}
	if o.Size > 0 {
		in.left = o.Size
	}
	switch b := r.(type) {
	case byteReader:
		in.r = b
	default:
		in.r = bufio.NewReader(r)
	}
	return (&machine{in: in, options: o}).run()
}

// LoadAt is Load of a pickle that begins at a byte of a file of so many, and says where it ends. It sets Base and Size
// of the options.
func LoadAt(r io.ReaderAt, at, size int64, o Options) (v any, end int64, err error) {
	o.Base, o.Size = at, size-at
	in := &input{r: bufio.NewReaderSize(io.NewSectionReader(r, at, size-at), 1<<16), base: at, left: size - at}
	v, err = (&machine{in: in, options: o}).run()
	return v, at + in.at, err
}

// run carries out the opcodes up to STOP.
func (m *machine) run() (any, error) {
	for count := 1; ; count++ {
		start := m.in.at
		fail := func(name string, err error) error { return &Error{Offset: m.in.base + start, Opcode: name, Err: err} }
		code, err := m.in.byte()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fail("", errors.New("the pickle ends here, want more up to the opcode STOP"))
		}
		if err != nil {
			return nil, fail("", err)
		}
		op := opcodes[code]
		switch {
		case op.name == "":
			return nil, fail("", fmt.Errorf("%#02x, want an opcode of the protocols 0 to 5", code))
		case op.do == nil:
			return nil, fail(op.name, errors.New("an opcode that weights do not need, want those of torch.save and numpy alone"))
		case count > maxOpcodes:
			return nil, fail(op.name, fmt.Errorf("more than %d opcodes, want fewer", maxOpcodes))
		}
		if err := op.do(m); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("the pickle ends inside of its argument")
			}
			return nil, fail(op.name, err)
		}
		if m.stopped {
			return m.stack[0], nil
		}
		if err := m.frame.check(start, m.in.at); err != nil {
			return nil, fail(op.name, err)
		}
	}
}
