// Package backend is the contract between a plan and the hardware that runs it.
//
// There is no method per operation. A device prepares a Kernel for an operation and the layouts of its inputs, and the
// kernel says which layouts its outputs have and how much scratch memory it needs. So oneDNN keeps its blocked formats
// from layer to layer, and a GPU bf16 or channels-last, without the plan knowing: a Layout means something only to the
// backend that made it. Upload takes and Download gives plain row-major host arrays.
//
// A device works asynchronously and in order, like a CUDA stream: Upload, Start and the commands of a program take
// effect in the order of the calls. Devices are ordered among each other by events alone. Errors of asynchronous work
// are sticky and come out of the next Sync or Download.
package backend

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"duet/engine/metrics"
	"duet/engine/op"
)

// Device is one GPU, or one arena and thread team of a CPU. Its methods may be called from any goroutine, but from
// one at a time.
type Device interface {
	// Name is what opened it, such as "dnnl:0".
	Name() string
	// Info describes the hardware.
	Info() Info

	// Place chooses the layout of a leaf: of an input, a parameter or a velocity, from all of its uses.
	Place(t op.Type, uses []Use) (Layout, error)
	// Has says whether the backend has kernels for an operation of this name, so that a plan can list all that lack.
	Has(operation string) bool
	// Prepare chooses and builds a kernel. An operation that the backend does not have is ErrNoKernel.
	Prepare(r Request) (Kernel, error)

	// Alloc reserves zeroed memory of the device.
	Alloc(bytes int64) (Memory, error)
	// Free gives memory back. Nothing enqueued may use it any more.
	Free(m Memory) error

	// AllocHost reserves memory of the host for uploads: pinned, for a GPU. Its contents are undefined.
	AllocHost(bytes int64) (HostMemory, error)
	// FreeHost gives it back, from any goroutine. No upload may read it any more. Close gives back what is left.
	FreeHost(m HostMemory) error

	// Upload enqueues the copy of an array in host memory into a buffer, and does not allocate. The elements are as the
	// leaf's type wants them. Until the transfer's Wait has returned the memory must not be written; it may be read, and
	// uploaded from again.
	Upload(dst Buffer, l Layout, src Array) (Transfer, error)
	// Download waits for everything enqueued and copies a buffer to a host array that ArrayOf takes.
	Download(host any, src Buffer, l Layout) error

	// NewEvent makes an event for Signal and Wait commands of programs of this backend's devices.
	NewEvent() (Event, error)
	// Load makes a program of commands, checked and bound to memory once, to be started many times.
	Load(commands []Command, o LoadOptions) (Program, error)
	// Sync waits for everything enqueued and returns the first error since the device was opened.
	Sync() error
	// Close frees everything. The device cannot be used any more.
	Close() error
}

// Stager is a device that takes inputs through memory of its own, so that they arrive while it computes.
type Stager interface {
	// Staging is how many bytes of the device it takes beside a buffer of a layout that is uploaded every step.
	Staging(l Layout) int64
}

// Uploader is a device that wants in another layout what is uploaded every step than what its kernels write.
type Uploader interface {
	// Uploaded is the layout for uploads of what lies like l, which its kernels read to the same numbers.
	Uploaded(l Layout) Layout
}

// Fuser is a device with kernels that do the work of two of the graph's operations in one, such as op.LRNMaxPool.
type Fuser interface {
	// Fuses says whether a plan should make o of the operations that it stands for, on an input of type x.
	Fuses(o op.Op, x op.Type) bool
}

// Joiner is a device that does updates which follow each other in one launch.
type Joiner interface {
	// Joins says whether a plan should put updates by o together, at the end, although their gradients' memory is not
	// free before.
	Joins(o op.Updater) bool
}

// Info describes a device.
type Info struct {
	Name        string   `json:"name"`
	Description string   `json:"description"` // the model and what it computes with
	TotalBytes  int64    `json:"total_bytes"` // of its memory
	FreeBytes   int64    `json:"free_bytes"`  // at the time of asking
	Units       int      `json:"units"`       // threads, or multiprocessors
	Precisions  []string `json:"precisions"`  // that Options.Precision may name

	Capability string   `json:"capability,omitempty"` // of a GPU: compute capability, such as 8.0
	Bandwidth  float64  `json:"bandwidth,omitempty"`  // of the memory in bytes per second, by its clock and width
	Peers      []string `json:"peers,omitempty"`      // devices whose memory it can read directly
	Sensors    *Sensors `json:"sensors,omitempty"`    // at the time of asking; nil where nobody reads them
}

// Sensors tell how a GPU is. What one does not have is no number.
type Sensors struct {
	Celsius metrics.Number `json:"celsius"` // temperature of the chip
	Watts   metrics.Number `json:"watts"`   // power that the board draws
	Busy    metrics.Number `json:"busy"`    // share of the last second or less in which a kernel ran, 0 to 1
}

// String is such as "41 °C, 350 W, 97 % busy".
func (s Sensors) String() string {
	var parts []string
	for _, p := range []struct {
		format string
		x      metrics.Number
	}{{"%.0f °C", s.Celsius}, {"%.0f W", s.Watts}, {"%.0f %% busy", 100 * s.Busy}} {
		if p.x == p.x {
			parts = append(parts, fmt.Sprintf(p.format, float64(p.x)))
		}
	}
	return strings.Join(parts, ", ")
}

// Layout is how a tensor lies in a device's memory. Only the backend that made it can read it.
type Layout interface {
	// Bytes is the size of the tensor.
	Bytes() int64
	// String describes it for people, such as "bf16 nChw16c".
	String() string
}

// Use is one place where a leaf is read: input Arg of an operation.
type Use struct {
	Op  op.Op
	Arg int
	In  []op.Type // the types of all inputs of the operation
	// Layouts are those of the operation's other inputs, nil where they are not known yet. A velocity learns its
	// parameter's layout from here.
	Layouts []Layout
}

// Role is what the leaf is to the operation.
func (u Use) Role() op.Role { return u.Op.Roles()[u.Arg] }

// Request asks for a kernel.
type Request struct {
	Op        op.Op
	Companion op.Op // the operation whose output the kernel writes second, or nil
	InTypes   []op.Type
	In        []Layout
	OutTypes  []op.Type // op.Outputs

	// Readers are all that read the first output, where that is known and on its device: a kernel may write it as they
	// like it. Their Layouts are not known.
	Readers []Use
}

// Check says what is wrong with a request that any backend would refuse: inputs that the operation does not take, or
// outputs that it does not have.
func (r Request) Check() error {
	if r.Op == nil {
		return fmt.Errorf("no operation: %w", ErrNoKernel)
	}
	if len(r.In) != len(r.InTypes) {
		return fmt.Errorf("%s: %d layouts for %d inputs", r.Op.Name(), len(r.In), len(r.InTypes))
	}
	if c, is := r.Companion.(op.Companion); r.Companion != nil && (!is || c.Primary() != r.Op) {
		return fmt.Errorf("%s with %s beside it: %w", r.Op.Name(), r.Companion.Name(), ErrNoKernel)
	}
	out, err := op.Outputs(r.Op, r.Companion, r.InTypes)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(r.OutTypes, out, op.Type.Equal) {
		return fmt.Errorf("%s: outputs are %v, want %v", r.Op.Name(), r.OutTypes, out)
	}
	return nil
}

// Kernel is an operation's implementation for certain layouts.
type Kernel interface {
	// Out are the layouts of the outputs. An output in place has its input's layout.
	Out() []Layout
	// Scratch is how many bytes it needs while it runs; their contents are undefined before and after.
	Scratch() int64
	// InPlace is the input whose memory the first output may take when nothing reads that input afterwards, or -1.
	InPlace() int
	// String names the implementation, such as "jit:avx512_core".
	String() string
}

// Memory is an allocation of a device.
type Memory interface{ Bytes() int64 }

// Buffer is a part of an allocation. Offsets are multiples of Alignment.
type Buffer struct {
	Memory        Memory
	Offset, Bytes int64
}

// Alignment of buffers in bytes: what CUDA's allocator gives; a multiple of a cache line.
const Alignment = 256

// Event orders work between devices of one backend, and between a device's launches and its copies. Each event is
// signalled by one command of one program, and waited for by any number of others: in the n-th run of their programs
// the waits end after the n-th signal.
type Event interface{ String() string }

// CommandKind says what a command does.
type CommandKind uint8

const (
	Launch CommandKind = iota // run Kernel on In, Out and Scratch
	Copy                      // copy Src, of the device From of the same backend, to Dst; bytes as they are
	Signal                    // signal Event when everything before is done
	Wait                      // start nothing after before Event is signalled
)

// Command is one entry of a program. Those that are Beside are done in order among themselves, and may be done beside
// the others, with which events alone order them: a device that can copy while it computes does so. Done in the order
// of the program they are right as well.
type Command struct {
	Kind    CommandKind
	Label   string // for errors and timings: layer and operation
	Beside  bool
	Kernel  Kernel
	In, Out []Buffer
	Scratch Buffer
	From    Device
	Src     Buffer
	Dst     Buffer
	Event   Event
}

// LoadOptions are how a program is to run.
type LoadOptions struct {
	Profile bool // measure every command; may cost speed
}

// Program is a loaded sequence of commands.
type Program interface {
	// Start enqueues one run.
	Start()
	// Times are how long each command of the latest run took; nil without Profile. Call it after Sync.
	Times() []time.Duration
	// Close frees the program's own resources.
	Close() error
}

// Keeper is a program that keeps memory of its device beside that of its commands.
type Keeper interface {
	// Bytes is how much.
	Bytes() int64
}
