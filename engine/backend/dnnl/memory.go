//go:build dnnl

package dnnl

import (
	"fmt"
	"sync"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// memory is zeroed memory of the host in huge pages, which the device's team touches first.
type memory struct {
	owner  *device
	mapped mapped
	bytes  int64
	mu     sync.Mutex
	freed  bool
}

func (m *memory) Bytes() int64 { return m.bytes }

func (d *device) Alloc(bytes int64) (backend.Memory, error) {
	switch {
	case d.closed:
		return nil, d.errorf("alloc", worker.ErrClosed)
	case bytes < 0 || bytes > 1<<46:
		return nil, fmt.Errorf("%s: alloc %d bytes", d.name, bytes)
	}
	mapped, err := mapMemory(max(1, bytes))
	if err != nil {
		return nil, fmt.Errorf("%s: alloc %d bytes: %w", d.name, bytes, err)
	}
	m := &memory{owner: d, mapped: mapped, bytes: bytes}
	d.live[m] = true
	d.worker.Start(worker.Func(func() error { mapped.touch(); return nil }))
	return m, nil
}

// Free waits for what is enqueued, as the first touch of the memory may be.
func (d *device) Free(m backend.Memory) error {
	own, ok := m.(*memory)
	switch {
	case !ok || own.owner != d:
		return fmt.Errorf("%s: free: memory of %T is another device's", d.name, m)
	case !d.live[own]:
		return fmt.Errorf("%s: free: memory of %d bytes was freed before", d.name, own.bytes)
	}
	if !d.closed {
		d.worker.Sync() // its error is the work's, and stays for the next Sync
		own.release()
	}
	delete(d.live, own)
	return nil
}

// release gives the memory back to the host.
func (m *memory) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.freed = true
	m.mapped.unmap()
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
	return m.mapped.data[b.Offset : b.Offset+b.Bytes : b.Offset+b.Bytes], nil
}
