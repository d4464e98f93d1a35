package worker

import (
	"fmt"
	"sync"
	"sync/atomic"

	"duet/engine/backend"
)

// Filler is a layout of a device on the host's CPU.
type Filler interface {
	backend.Layout
	// Takes says what is wrong with an array for a tensor in this layout.
	Takes(a backend.Array) error
	// Fill writes an array that it takes to memory of the tensor.
	Fill(dst []byte, a backend.Array) error
}

// hostMemory is memory of Go's heap, from which every device on the host's CPU uploads.
type hostMemory struct {
	data  []byte
	freed atomic.Bool
}

func (m *hostMemory) Bytes() int64 { return int64(len(m.data)) }
func (m *hostMemory) Data() []byte { return m.data }

// AllocHost gives memory of Go's heap.
func (h *Host) AllocHost(bytes int64) (backend.HostMemory, error) {
	switch {
	case h.closed:
		return nil, h.Errorf("alloc host memory", ErrClosed)
	case bytes < 0 || bytes > maxBytes:
		return nil, fmt.Errorf("%s: alloc %d bytes of host memory", h.name, bytes)
	}
	data, _, err := GoMemory(bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: alloc %d bytes of host memory: %w", h.name, bytes, err)
	}
	return &hostMemory{data: data}, nil
}

// FreeHost leaves the memory to Go's collector.
func (h *Host) FreeHost(m backend.HostMemory) error {
	own, ok := m.(*hostMemory)
	switch {
	case !ok:
		return fmt.Errorf("%s: free host memory: %T is another backend's", h.name, m)
	case own.freed.Swap(true):
		return fmt.Errorf("%s: free host memory: %d bytes were freed before", h.name, len(own.data))
	}
	return nil
}

// Upload enqueues an upload to a tensor in a layout of the device's backend.
func (h *Host) Upload(dst backend.Buffer, l Filler, src backend.Array) (backend.Transfer, error) {
	to, err := h.Room(dst, l.Bytes())
	if err == nil {
		err = l.Takes(src)
	}
	if err == nil {
		err = readable(src)
	}
	if err != nil {
		return backend.Transfer{}, h.Errorf("upload", err)
	}
	u, number := h.uploads.begin()
	u.h, u.dst, u.layout, u.src = h, to, l, src
	h.Start(u)
	return backend.Transfer{On: h, Number: number}, nil
}

// readable says whether an array lies in host memory that was not freed.
func readable(a backend.Array) error {
	m, ok := a.Memory.(*hostMemory)
	switch {
	case a.Memory == nil:
		return fmt.Errorf("%v in memory of Go's: want memory of AllocHost", a)
	case !ok:
		return fmt.Errorf("%v in host memory %T of another backend", a, a.Memory)
	case m.freed.Load():
		return fmt.Errorf("%v in host memory of %d bytes: used after free", a, len(m.data))
	}
	return nil
}

// Await returns when an upload was read.
func (h *Host) Await(number uint64) error {
	h.uploads.await(number)
	return nil // of a failure the next Sync tells
}

// uploads numbers a device's uploads, which end in the order in which they began, and keeps their jobs for the next
// ones.
type uploads struct {
	mu           sync.Mutex
	changed      sync.Cond
	begun, ended uint64
	idle         []*upload
}

// upload is the second half of an Upload, when its turn comes.
type upload struct {
	h      *Host
	layout Filler
	dst    []byte
	src    backend.Array
}

// Run copies the array.
func (u *upload) Run() error {
	err := u.layout.Fill(u.dst, u.src)
	u.h.uploads.end(u)
	return err
}

func (us *uploads) begin() (*upload, uint64) {
	us.mu.Lock()
	defer us.mu.Unlock()
	us.begun++
	last := len(us.idle) - 1
	if last < 0 {
		return &upload{}, us.begun
	}
	u := us.idle[last]
	us.idle = us.idle[:last]
	return u, us.begun
}

func (us *uploads) end(u *upload) {
	us.mu.Lock()
	defer us.mu.Unlock()
	*u = upload{}
	us.idle = append(us.idle, u)
	us.ended++
	us.changed.Broadcast()
}

func (us *uploads) await(number uint64) {
	us.mu.Lock()
	defer us.mu.Unlock()
	for us.ended < number {
		us.changed.Wait()
	}
}
