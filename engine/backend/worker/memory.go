package worker

import (
	"fmt"
	"sync"
	"unsafe"

	"duet/engine/backend"
)

// memory is an allocation of a Host.
type memory struct {
	owner   *Host
	bytes   int64
	release func()
	mu      sync.Mutex
	data    []byte
	freed   bool
}

func (m *memory) Bytes() int64 { return m.bytes }

func (m *memory) free() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.freed, m.data = true, nil
	m.release()
}

// maxBytes is more than any machine has; a larger request is a mistake in arithmetic.
const maxBytes = 1 << 46

// Alloc reserves zeroed memory.
func (h *Host) Alloc(bytes int64) (backend.Memory, error) {
	switch {
	case h.closed:
		return nil, h.Errorf("alloc", ErrClosed)
	case bytes < 0 || bytes > maxBytes:
		return nil, fmt.Errorf("%s: alloc %d bytes", h.name, bytes)
	}
	data, release, err := h.allocate(bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: alloc %d bytes: %w", h.name, bytes, err)
	}
	m := &memory{owner: h, bytes: bytes, data: data, release: release}
	h.live[m] = true
	return m, nil
}

// Free waits for what is enqueued, which may still use the memory, and gives it back.
func (h *Host) Free(m backend.Memory) error {
	own, ok := m.(*memory)
	switch {
	case !ok || own.owner != h:
		return fmt.Errorf("%s: free: memory of %T is another device's", h.name, m)
	case !h.live[own]:
		return fmt.Errorf("%s: free: memory of %d bytes was freed before", h.name, own.bytes)
	}
	if !h.closed {
		h.worker.Sync() // its error is the work's, and stays for the next Sync
		own.free()
	}
	delete(h.live, own)
	return nil
}

// Owns checks that a buffer lies in this device's memory; an empty buffer lies anywhere.
func (h *Host) Owns(b backend.Buffer) error {
	if b.Memory == nil && b.Bytes == 0 {
		return nil
	}
	m, ok := b.Memory.(*memory)
	if !ok {
		return fmt.Errorf("memory %T is another backend's", b.Memory)
	}
	if m.owner != h {
		return fmt.Errorf("memory is %s's, not %s's", m.owner.name, h.name)
	}
	return nil
}

// Bytes is the host memory behind a buffer of any Host.
func Bytes(b backend.Buffer) ([]byte, error) {
	if b.Memory == nil && b.Bytes == 0 {
		return nil, nil
	}
	m, ok := b.Memory.(*memory)
	if !ok {
		return nil, fmt.Errorf("memory %T is another backend's", b.Memory)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.freed:
		return nil, fmt.Errorf("%s: memory of %d bytes is used after free", m.owner.name, m.bytes)
	case b.Offset < 0 || b.Bytes < 0 || b.Offset > m.bytes || b.Bytes > m.bytes-b.Offset:
		return nil, fmt.Errorf("%s: buffer of %d bytes at %d in memory of %d", m.owner.name, b.Bytes, b.Offset, m.bytes)
	case b.Offset%backend.Alignment != 0:
		return nil, fmt.Errorf("%s: buffer at %d, want a multiple of %d", m.owner.name, b.Offset, backend.Alignment)
	}
	return m.data[b.Offset : b.Offset+b.Bytes : b.Offset+b.Bytes], nil
}

// Room finds the first n bytes of one of the device's own buffers, for a transfer.
func (h *Host) Room(b backend.Buffer, n int64) ([]byte, error) {
	if h.closed {
		return nil, ErrClosed
	}
	if err := h.Owns(b); err != nil {
		return nil, err
	}
	data, err := Bytes(b)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < n {
		return nil, fmt.Errorf("buffer of %d bytes for a tensor of %d", len(data), n)
	}
	return data[:n], nil
}

// GoMemory is an Allocate that takes memory from Go's heap.
func GoMemory(bytes int64) (data []byte, release func(), err error) {
	// The garbage collector does not move a slice, so that an aligned part of it stays aligned.
	backing := make([]byte, bytes+backend.Alignment-1)
	start := int64(-uintptr(unsafe.Pointer(unsafe.SliceData(backing))) % backend.Alignment)
	return backing[start : start+bytes : start+bytes], func() {}, nil
}
