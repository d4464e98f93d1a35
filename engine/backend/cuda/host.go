//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"sync"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// hostMemory is pinned memory, from which all GPUs copy by themselves.
type hostMemory struct {
	owner *device
	data  []byte // one byte at least is reserved
	room  []byte
	freed bool
}

func (m *hostMemory) Bytes() int64 { return int64(len(m.data)) }
func (m *hostMemory) Data() []byte { return m.data }

// hosts is a device's pinned memory that was not freed yet.
type hosts struct {
	mu   sync.Mutex
	live map[*hostMemory]bool
}

// AllocHost gives pinned memory.
func (d *device) AllocHost(bytes int64) (backend.HostMemory, error) {
	if d.closed {
		return nil, d.errorf("alloc host memory", worker.ErrClosed)
	}
	if bytes < 0 || bytes > 1<<46 {
		return nil, fmt.Errorf("%s: alloc %d bytes of host memory", d.name, bytes)
	}
	var room []byte
	err := d.do(func() (err error) {
		room, err = pinned(max(1, bytes))
		return err
	})
	if err != nil {
		if room != nil { // the device failed before
			freeHost(d.context, room)
		}
		return nil, fmt.Errorf("%s: alloc %d bytes of host memory: %w", d.name, bytes, err)
	}
	m := &hostMemory{owner: d, data: room[:bytes:bytes], room: room}
	d.hosts.mu.Lock()
	defer d.hosts.mu.Unlock()
	d.hosts.live[m] = true
	return m, nil
}

// FreeHost gives pinned memory back; on any thread. A device that is closed has done so.
func (d *device) FreeHost(m backend.HostMemory) error {
	own, ok := m.(*hostMemory)
	if !ok || own.owner != d {
		return fmt.Errorf("%s: free host memory: %T is another device's", d.name, m)
	}
	d.hosts.mu.Lock()
	defer d.hosts.mu.Unlock()
	if own.freed {
		return fmt.Errorf("%s: free host memory: %d bytes were freed before", d.name, len(own.data))
	}
	own.freed = true
	if !d.hosts.live[own] {
		return nil
	}
	delete(d.hosts.live, own)
	// The driver answers with what failed on the device before, too: that is Sync's to tell. What is wrong with the call
	// itself is told here.
	if err := freeHost(d.context, own.room); errors.Is(err, cu.InvalidValue) || errors.Is(err, cu.InvalidContext) {
		return d.errorf("free host memory", err)
	}
	return nil
}

// readable says whether an array lies in pinned memory that was not freed.
func readable(a backend.Array) error {
	m, ok := a.Memory.(*hostMemory)
	if a.Memory == nil {
		return fmt.Errorf("%v in memory of Go's: want memory of AllocHost", a)
	}
	if !ok {
		return fmt.Errorf("%v in host memory %T of another backend", a, a.Memory)
	}
	m.owner.hosts.mu.Lock()
	defer m.owner.hosts.mu.Unlock()
	if !m.owner.hosts.live[m] {
		return fmt.Errorf("%v in host memory of %d bytes: used after free", a, len(m.data))
	}
	return nil
}

// unpinAll frees all pinned memory; on the worker's thread.
func (d *device) unpinAll() error {
	d.hosts.mu.Lock()
	defer d.hosts.mu.Unlock()
	for m := range d.hosts.live {
		delete(d.hosts.live, m)
		if err := unpin(m.room); err != nil {
			return err
		}
	}
	return nil
}
