//go:build gpu

package cuda

// #include <stdlib.h>
// #include "calls.h"
// #include "driver/driver.h"
//
// // They keep no pointer and call nothing of Go's.
// #cgo noescape duet_enqueue
// #cgo nocallback duet_enqueue
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"gorgonia.org/cu"
)

// driverProblem says why this machine's CUDA driver cannot be used, or nil.
func driverProblem() error {
	if p := C.duet_driver_problem(); p != nil {
		return errors.New(C.GoString(p))
	}
	return nil
}

// driverPath is where the driver was loaded from.
func driverPath() string { return C.GoString(C.duet_driver_path()) }

// result is the error of a driver call that gorgonia.org/cu did not make: the one that it has for the code, such as
// cu.OutOfMemory, with the driver's own words.
func result(r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return fmt.Errorf("%w, %s (%s)", as(cu.Success, int(r)), C.GoString(C.duet_error_name(r)),
		C.GoString(C.duet_error_text(r)))
}

// as converts a number to the type of another, which has no name outside its package.
func as[T ~int](_ T, n int) T { return T(n) }

// handle is the C handle in one of gorgonia.org/cu's structs, which hold nothing else.
func handle[H, S any](s S) H { return *(*H)(unsafe.Pointer(&s)) }

// loadModule compiles PTX for the current context.
func loadModule(ptx string) (cu.Module, error) {
	text := C.CString(ptx)
	defer C.free(unsafe.Pointer(text))
	const room = 8192
	log := (*C.char)(C.malloc(room))
	defer C.free(unsafe.Pointer(log))
	var m C.CUmodule
	if err := result(C.duet_load_module(&m, text, log, room)); err != nil {
		if words := strings.TrimSpace(C.GoString(log)); words != "" {
			err = fmt.Errorf("%w: %s", err, words)
		}
		return cu.Module{}, err
	}
	return handle[cu.Module](m), nil
}

// allowShared lets a kernel have that many bytes of dynamic shared memory.
func allowShared(f cu.Function, bytes int) error {
	const dynamic = C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
	if err := result(C.cuFuncSetAttribute(handle[C.CUfunction](f), dynamic, C.int(bytes))); err != nil {
		return fmt.Errorf("cuFuncSetAttribute of %d bytes of shared memory: %w", bytes, err)
	}
	return nil
}

// pinned is page-locked memory of the host, which the GPU can copy from and to by itself.
func pinned(bytes int64) ([]byte, error) {
	var p unsafe.Pointer
	if err := result(C.cuMemHostAlloc(&p, C.size_t(bytes), C.CU_MEMHOSTALLOC_PORTABLE)); err != nil {
		return nil, fmt.Errorf("cuMemHostAlloc of %d bytes: %w", bytes, err)
	}
	return unsafe.Slice((*byte)(p), bytes), nil
}

func unpin(b []byte) error {
	if err := cu.MemFreeHost(unsafe.Pointer(unsafe.SliceData(b))); err != nil {
		return fmt.Errorf("cuMemFreeHost: %w", err)
	}
	return nil
}

// awaitEvent waits for an event of a context, on any thread.
func awaitEvent(context cu.CUContext, e cu.Event) error {
	if err := result(C.duet_await(handle[C.CUcontext](context), handle[C.CUevent](e))); err != nil {
		return fmt.Errorf("cuEventSynchronize: %w", err)
	}
	return nil
}

// freeHost frees pinned memory of a context, on any thread.
func freeHost(context cu.CUContext, b []byte) error {
	if err := result(C.duet_free_host(handle[C.CUcontext](context), unsafe.Pointer(unsafe.SliceData(b)))); err != nil {
		return fmt.Errorf("cuMemFreeHost: %w", err)
	}
	return nil
}

// sequence is steps bound to memory, in C's memory, and their graph where the driver could capture one.
type sequence struct {
	steps  []C.duet_step
	blocks []unsafe.Pointer // of C's heap
	names  []string         // of the steps, for errors
	labels []string         // of the commands that they belong to
	graph  C.CUgraphExec
}

// add appends a step of a command, whose operands lie at addresses.
func (s *sequence) add(st *step, at func(operand) cu.DevicePtr, label string) {
	c := C.duet_step{kind: C.duet_step_kind(st.kind), bytes: C.size_t(st.bytes)}
	switch st.kind {
	case stepLaunch:
		c.function = handle[C.CUfunction](st.function.handle)
		for i := range 3 {
			c.grid[i], c.block[i] = C.uint(st.grid[i]), C.uint(st.block[i])
		}
		c.shared = C.uint(st.dynamic)
		c.arguments = s.arguments(st, at)
	case stepCopy:
		c.to, c.from = C.CUdeviceptr(at(st.args[0].operand)), C.CUdeviceptr(at(st.args[1].operand))
		if c.to == c.from || st.bytes == 0 {
			return // an output in place
		}
	}
	s.steps = append(s.steps, c)
	s.names, s.labels = append(s.names, st.String()), append(s.labels, label)
}

// arguments are a launch's values, each at a multiple of 8 bytes, behind the pointers to them.
func (s *sequence) arguments(st *step, at func(operand) cu.DevicePtr) *unsafe.Pointer {
	n := max(1, len(st.args))
	bytes := 8 * n
	for _, a := range st.args {
		bytes += max(8, ceilDiv(len(a.bytes), 8)*8)
	}
	block := C.calloc(C.size_t(bytes), 1)
	s.blocks = append(s.blocks, block)
	pointers := unsafe.Slice((*unsafe.Pointer)(block), n)
	value := unsafe.Add(block, 8*n)
	for i, a := range st.args {
		pointers[i] = value
		if a.pointer {
			*(*uint64)(value) = uint64(at(a.operand))
		} else {
			copy(unsafe.Slice((*byte)(value), len(a.bytes)), a.bytes)
		}
		value = unsafe.Add(value, max(8, ceilDiv(len(a.bytes), 8)*8))
	}
	return &pointers[0]
}

// capture makes a graph of the steps. Without one they are enqueued one by one.
func (s *sequence) capture(stream cu.Stream) error {
	if len(s.steps) < 2 {
		return nil
	}
	return result(C.duet_capture(&s.steps[0], C.int(len(s.steps)), handle[C.CUstream](stream), &s.graph))
}

// enqueue enqueues one run of the steps, waiting for each when wait is set.
func (s *sequence) enqueue(stream cu.Stream, wait bool) error {
	if s.graph != nil {
		if err := result(C.cuGraphLaunch(s.graph, handle[C.CUstream](stream))); err != nil {
			return fmt.Errorf("%s to %s: launch of a graph of %d steps: %w", s.labels[0], s.labels[len(s.labels)-1],
				len(s.steps), err)
		}
		return nil
	}
	if len(s.steps) == 0 {
		return nil
	}
	var failed, waits C.int
	if wait {
		waits = 1
	}
	if r := C.duet_enqueue(&s.steps[0], C.int(len(s.steps)), handle[C.CUstream](stream), waits,
		&failed); r != C.CUDA_SUCCESS {
		return fmt.Errorf("%s: launch %s: %w", s.labels[failed], s.names[failed], result(r))
	}
	return nil
}

// free gives the memory of the arguments and the graph back.
func (s *sequence) free() error {
	for _, b := range s.blocks {
		C.free(b)
	}
	s.blocks, s.steps = nil, nil
	if s.graph == nil {
		return nil
	}
	graph := s.graph
	s.graph = nil
	return result(C.cuGraphExecDestroy(graph))
}
