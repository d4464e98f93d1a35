package reference

import (
	"fmt"
	"sync"
	"unsafe"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// memory is zeroed memory of the host, aligned to backend.Alignment.
type memory struct {
	owner *device
	data  []byte
	bytes int64
	mu    sync.Mutex
	freed bool
}

func (m *memory) Bytes() int64 { return m.bytes }

func (d *device) Alloc(bytes int64) (backend.Memory, error) {
	const words = backend.Alignment / 8
	switch {
	case d.closed:
		return nil, d.errorf("alloc", worker.ErrClosed)
	case bytes < 0 || bytes > 1<<46:
		return nil, fmt.Errorf("%s: alloc %d bytes", d.name, bytes)
	}
	// The garbage collector does not move a slice, so that an aligned part of it stays aligned.
	backing := make([]uint64, (bytes+7)/8+words)
	start := 0
	for uintptr(unsafe.Pointer(&backing[start]))%backend.Alignment != 0 {
		start++
	}
	data := unsafe.Slice((*byte)(unsafe.Pointer(&backing[start])), bytes)
	return &memory{owner: d, data: data, bytes: bytes}, nil
}

func (d *device) Free(m backend.Memory) error {
	own, ok := m.(*memory)
	if !ok || own.owner != d {
		return fmt.Errorf("%s: free: memory of %T is another device's", d.name, m)
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	if own.freed {
		return fmt.Errorf("%s: free: memory of %d bytes was freed before", d.name, own.bytes)
	}
	own.freed, own.data = true, nil
	return nil
}

// owns checks that a buffer lies in this device's memory; an empty buffer lies anywhere.
func (d *device) owns(b backend.Buffer) error {
	if b.Memory == nil && b.Bytes == 0 {
		return nil
	}
	m, ok := b.Memory.(*memory)
	if !ok {
		return fmt.Errorf("memory %T is another backend's", b.Memory)
	}
	if m.owner != d {
		return fmt.Errorf("memory is %s's, not %s's", m.owner.name, d.name)
	}
	return nil
}

// bytesOf is the host memory behind a buffer of any device of this backend.
func bytesOf(b backend.Buffer) ([]byte, error) {
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

// elements is memory as a slice of n numbers.
func elements[E any](data []byte, n int) []E {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*E)(unsafe.Pointer(&data[0])), n)
}

// bytesAs is a slice of numbers as memory.
func bytesAs[E any](s []E) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}
