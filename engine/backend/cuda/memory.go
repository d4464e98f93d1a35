//go:build gpu

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// memory is an allocation of a device.
type memory struct {
	owner *device
	at    cu.DevicePtr
	bytes int64
	freed bool
}

func (m *memory) Bytes() int64 { return m.bytes }

// Alloc reserves zeroed memory.
func (d *device) Alloc(bytes int64) (backend.Memory, error) {
	if d.closed {
		return nil, d.errorf("alloc", worker.ErrClosed)
	}
	if bytes < 0 || bytes > 1<<46 {
		return nil, fmt.Errorf("%s: alloc %d bytes", d.name, bytes)
	}
	m := &memory{owner: d, bytes: bytes}
	err := d.do(func() (err error) {
		if m.at, err = cu.MemAlloc(max(1, bytes)); err != nil {
			free, total, asked := cu.MemInfo()
			if asked != nil {
				return fmt.Errorf("cuMemAlloc: %w", err)
			}
			return fmt.Errorf("cuMemAlloc: %w: %d bytes of %d are free", err, free, total)
		}
		if err := cu.MemsetD8Async(m.at, 0, max(1, bytes), d.compute); err != nil {
			return fmt.Errorf("cuMemsetD8Async: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: alloc %d bytes: %w", d.name, bytes, err)
	}
	d.live[m] = true
	return m, nil
}

// Free waits for what is enqueued, which may still use the memory, and gives it back.
func (d *device) Free(m backend.Memory) error {
	own, ok := m.(*memory)
	switch {
	case !ok || own.owner != d:
		return fmt.Errorf("%s: free: memory of %T is another device's", d.name, m)
	case own.freed || !d.live[own] && !d.closed:
		return fmt.Errorf("%s: free: memory of %d bytes was freed before", d.name, own.bytes)
	}
	own.freed = true
	if d.closed { // which freed everything
		return nil
	}
	delete(d.live, own)
	d.Sync() // its error is the work's, and stays for the next Sync
	var err error
	d.do(func() error { err = cu.MemFree(own.at); return nil })
	if err != nil && !d.failed.Load() {
		return fmt.Errorf("%s: free %d bytes: cuMemFree: %w", d.name, own.bytes, err)
	}
	return nil
}

// owns checks that a buffer lies in this device's memory; an empty buffer lies anywhere.
func (d *device) owns(b backend.Buffer) error {
	if b.Memory == nil && b.Bytes == 0 {
		return nil
	}
	m, ok := b.Memory.(*memory)
	switch {
	case !ok:
		return fmt.Errorf("memory %T is another backend's", b.Memory)
	case m.owner != d:
		return fmt.Errorf("memory is %s's, not %s's", m.owner.name, d.name)
	case m.freed:
		return fmt.Errorf("%s: memory of %d bytes is used after free", d.name, m.bytes)
	case b.Offset < 0 || b.Bytes < 0 || b.Offset > m.bytes || b.Bytes > m.bytes-b.Offset:
		return fmt.Errorf("%s: buffer of %d bytes at %d in memory of %d", d.name, b.Bytes, b.Offset, m.bytes)
	case b.Offset%backend.Alignment != 0:
		return fmt.Errorf("%s: buffer at %d, want a multiple of %d", d.name, b.Offset, backend.Alignment)
	}
	return nil
}

// room finds the address of one of the device's own buffers that has room for n bytes.
func (d *device) room(b backend.Buffer, n int64) (cu.DevicePtr, error) {
	if err := d.owns(b); err != nil {
		return 0, err
	}
	if b.Bytes < n {
		return 0, fmt.Errorf("buffer of %d bytes for a tensor of %d", b.Bytes, n)
	}
	return address(b), nil
}

// address is where a buffer begins; 0 for an empty one.
func address(b backend.Buffer) cu.DevicePtr {
	m, ok := b.Memory.(*memory)
	if !ok {
		return 0
	}
	return m.at + cu.DevicePtr(b.Offset)
}
