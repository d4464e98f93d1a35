//go:build dnnl

package dnnl

// #cgo CXXFLAGS: -std=c++17 -O3 -fopenmp -Wall
// #cgo LDFLAGS: -ldnnl -fopenmp
// #include <stdlib.h>
// #include "shim.h"
//
// // They keep no pointer and call nothing of Go's, so that what they are given need not be on the heap.
// #cgo noescape duet_upload
// #cgo nocallback duet_upload
// #cgo noescape duet_download
// #cgo nocallback duet_download
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

// version, isa and hasBF16 describe oneDNN and this machine.
func version() string { return C.GoString(C.duet_version()) }
func isa() string     { return C.GoString(C.duet_isa()) }
func hasBF16() bool   { return C.duet_has_bf16() != 0 }

// useThreads sets the size of the team of the calling thread.
func useThreads(n int) { C.duet_use_threads(C.int(n)) }

// failure is the error behind a message of the shim's, which it frees; nil for none.
func failure(message *C.char) error {
	if message == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(message))
	return errors.New(C.GoString(message))
}

// mapped is memory of the host in huge pages.
type mapped struct{ data []byte }

func mapMemory(bytes int64) (mapped, error) {
	var fail *C.char
	p := C.duet_alloc(C.size_t(bytes), &fail)
	if err := failure(fail); err != nil {
		return mapped{}, err
	}
	return mapped{unsafe.Slice((*byte)(p), bytes)}, nil
}

// touch makes the pages the caller's team's.
func (m mapped) touch() {
	C.duet_touch(unsafe.Pointer(unsafe.SliceData(m.data)), C.size_t(len(m.data)))
}

func (m mapped) unmap() { C.duet_free(unsafe.Pointer(unsafe.SliceData(m.data)), C.size_t(len(m.data))) }

// layout is a backend.Layout of oneDNN's.
type layout struct {
	c       *C.duet_layout
	bytes   int64
	length  int // elements, without padding
	element element
	text    string
}

func newLayout(c *C.duet_layout) *layout {
	text := C.duet_layout_describe(c)
	defer C.free(unsafe.Pointer(text))
	l := &layout{
		c: c, bytes: int64(C.duet_layout_bytes(c)), length: int(C.duet_layout_length(c)),
		element: element(C.duet_layout_type(c)),
		text:    C.GoString(text),
	}
	runtime.AddCleanup(l, func(c *C.duet_layout) { C.duet_layout_free(c) }, c)
	return l
}

func (l *layout) Bytes() int64   { return l.bytes }
func (l *layout) String() string { return l.text }

// master is the layout of the fp32 section of a parameter alone.
func (l *layout) master() (*layout, error) {
	var fail *C.char
	c := C.duet_master(l.c, &fail)
	runtime.KeepAlive(l)
	if err := failure(fail); err != nil {
		return nil, err
	}
	return newLayout(c), nil
}

// element is how a tensor's elements are stored.
type element C.duet_type

const (
	float32s element = C.DUET_F32
	bfloat16 element = C.DUET_BF16
	bytes8   element = C.DUET_U8
	words32  element = C.DUET_S32
)

// plain is the row-major layout.
func plain(e element, shape []int) (*layout, error) {
	var fail *C.char
	dims := extents(shape)
	c := C.duet_plain(C.duet_type(e), C.int(len(shape)), &dims[0], &fail)
	if err := failure(fail); err != nil {
		return nil, err
	}
	return newLayout(c), nil
}

// extents is a shape for C, never empty.
func extents(shape []int) []C.int64_t {
	dims := make([]C.int64_t, max(1, len(shape)))
	for i, n := range shape {
		dims[i] = C.int64_t(n)
	}
	return dims
}

// uses are what reads a parameter.
type uses C.int

const (
	forward  uses = C.DUET_FORWARD
	backward uses = C.DUET_BACKWARD
	update   uses = C.DUET_UPDATE
)

// team is what kernels are prepared for.
type team struct {
	threads int
	bf16    bool
}

func (t team) c() C.duet_device { return C.duet_device{threads: C.int(t.threads), bf16: flag(t.bf16)} }

// convWeight is the layout of a convolution's weight of shape w for an input of shape x.
func convWeight(t team, o op.Conv2D, x, w []int, u uses) (*layout, error) {
	var fail *C.char
	xs, ws := extents(x), extents(w)
	c := C.duet_conv2d_weight(t.c(), convolution(o), &xs[0], &ws[0], C.int(u), &fail)
	if err := failure(fail); err != nil {
		return nil, err
	}
	return newLayout(c), nil
}

// linearWeight is the layout of a fully connected layer's weight of shape w.
func linearWeight(t team, batch int, w []int, u uses) (*layout, error) {
	var fail *C.char
	ws := extents(w)
	c := C.duet_linear_weight(t.c(), C.int64_t(batch), &ws[0], C.int(u), &fail)
	if err := failure(fail); err != nil {
		return nil, err
	}
	return newLayout(c), nil
}

// upload writes a host array in a layout to memory.
func (l *layout) upload(memory []byte, host unsafe.Pointer, e element) error {
	fail := C.duet_upload(l.c, unsafe.Pointer(unsafe.SliceData(memory)), host, C.duet_type(e))
	runtime.KeepAlive(l)
	return failure(fail)
}

// download reads memory in a layout to a host array.
func (l *layout) download(memory []byte, host unsafe.Pointer, e element) error {
	fail := C.duet_download(l.c, unsafe.Pointer(unsafe.SliceData(memory)), host, C.duet_type(e))
	runtime.KeepAlive(l)
	return failure(fail)
}

// kernel is a worker.Kernel of a device.
type kernel struct {
	c       *C.duet_kernel
	on      *device
	op      op.Op
	in      []backend.Layout
	out     []backend.Layout
	scratch int64
	inPlace int
	name    string
}

// prepare makes a kernel; the layouts are the device's own.
func prepare(d *device, r backend.Request, in []*layout) (*kernel, error) {
	var fail *C.char
	layouts := make([]*C.duet_layout, len(in)+1) // never empty
	for i, l := range in {
		layouts[i] = l.c
	}
	c, ok := table[r.Op.Name()](request{d.team.c(), &layouts[0], flag(r.Companion != nil), r.OutTypes[0], &fail}, r.Op)
	runtime.KeepAlive(in)
	if err := failure(fail); err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("operation of type %T: %w", r.Op, backend.ErrNoKernel)
	}
	k := &kernel{
		c: c, on: d, op: r.Op, in: r.In,
		scratch: int64(C.duet_kernel_scratch(c)), inPlace: int(C.duet_kernel_in_place(c)),
		name: C.GoString(C.duet_kernel_name(c)),
	}
	runtime.AddCleanup(k, func(c *C.duet_kernel) { C.duet_kernel_free(c) }, c)
	for i := range int(C.duet_kernel_outputs(c)) {
		k.out = append(k.out, newLayout(C.duet_kernel_output(c, C.int(i))))
	}
	return k, nil
}

func (k *kernel) Out() []backend.Layout { return k.out }
func (k *kernel) Scratch() int64        { return k.scratch }
func (k *kernel) InPlace() int          { return k.inPlace }
func (k *kernel) String() string        { return k.name }
func (k *kernel) On() *worker.Host      { return k.on.Host }

// Bind makes the job. Everything that a run needs is made here, so that a run allocates nothing.
func (k *kernel) Bind(in, out [][]byte, scratch []byte) (worker.Job, error) {
	ins, err := addresses("input", in, k.in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.op.Name(), err)
	}
	outs, err := addresses("output", out, k.out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.op.Name(), err)
	}
	if int64(len(scratch)) < k.scratch {
		return nil, fmt.Errorf("%s: scratch of %d bytes, want %d", k.op.Name(), len(scratch), k.scratch)
	}
	var fail *C.char
	c := C.duet_bind(k.c, &ins[0], &outs[0], unsafe.Pointer(unsafe.SliceData(scratch)), &fail)
	runtime.KeepAlive(k)
	if err := failure(fail); err != nil {
		return nil, fmt.Errorf("%s: %w", k.op.Name(), err)
	}
	j := &job{c: c, op: k.op}
	runtime.AddCleanup(j, func(c *C.duet_job) { C.duet_job_free(c) }, c)
	return j, nil
}

// addresses are where the buffers of some tensors begin; one more, so that there is a first.
func addresses(what string, buffers [][]byte, layouts []backend.Layout) ([]unsafe.Pointer, error) {
	if len(buffers) != len(layouts) {
		return nil, fmt.Errorf("%d %ss, want %d", len(buffers), what, len(layouts))
	}
	pointers := make([]unsafe.Pointer, len(buffers)+1)
	for i, b := range buffers {
		if int64(len(b)) < layouts[i].Bytes() {
			return nil, fmt.Errorf("%s %d has %d bytes, want %d for %v", what, i, len(b), layouts[i].Bytes(), layouts[i])
		}
		pointers[i] = unsafe.Pointer(unsafe.SliceData(b))
	}
	return pointers, nil
}

// job is a kernel bound to memory.
type job struct {
	c  *C.duet_job
	op op.Op
}

// Run is one call of C.
func (j *job) Run() error {
	var err error
	if message := C.duet_run(j.c); message != nil {
		err = fmt.Errorf("%s: %s", j.op.Name(), C.GoString(message))
	}
	runtime.KeepAlive(j)
	return err
}
