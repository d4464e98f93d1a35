package worker

import (
	"fmt"
	"sync/atomic"

	"duet/engine/backend"
)

// Host is what devices that compute on the host's CPU have in common: a worker, memory, events and programs. A device
// embeds it and adds layouts, kernels and transfers.
//
// Host memory would let pass what a device with memory of its own would not: another device's kernel or memory, and use
// after free. A Host refuses them.
type Host struct {
	backend  string
	name     string
	worker   *Worker
	allocate Allocate
	live     map[*memory]bool // not freed yet
	events   atomic.Int64
	uploads  uploads
	closed   bool
}

// Allocate gives zeroed memory aligned to backend.Alignment, and how to give it back.
type Allocate func(bytes int64) (data []byte, release func(), err error)

// NewHost is device number index of a backend.
func NewHost(kind string, index int, w *Worker, a Allocate) *Host {
	h := &Host{backend: kind, name: fmt.Sprintf("%s:%d", kind, index), worker: w, allocate: a, live: map[*memory]bool{}}
	h.uploads.changed.L = &h.uploads.mu
	return h
}

// Name is such as "dnnl:0".
func (h *Host) Name() string { return h.name }

// Errorf says in which call of the device something went wrong.
func (h *Host) Errorf(call string, err error) error {
	return fmt.Errorf("%s: %s: %w", h.name, call, err)
}

// Open is ErrClosed when the device is closed.
func (h *Host) Open() error {
	if h.closed {
		return ErrClosed
	}
	return nil
}

// NewEvent makes an event that has not been signalled.
func (h *Host) NewEvent() (backend.Event, error) {
	if h.closed {
		return nil, h.Errorf("new event", ErrClosed)
	}
	return NewEvent(fmt.Sprintf("%s event %d", h.name, h.events.Add(1))), nil
}

// Load checks commands and binds them to memory.
func (h *Host) Load(commands []backend.Command, o backend.LoadOptions) (backend.Program, error) {
	if h.closed {
		return nil, h.Errorf("load", ErrClosed)
	}
	for i, c := range commands {
		if err := h.check(c); err != nil {
			return nil, h.Errorf("load", fmt.Errorf("command %d, %s: %w", i, c.Label, err))
		}
	}
	p, err := Load(h.worker, commands, o, Bytes)
	if err != nil {
		return nil, h.Errorf("load", err)
	}
	return p, nil
}

// self finds the Host in a device of any backend that embeds one.
func (h *Host) self() *Host { return h }

func (h *Host) check(c backend.Command) error {
	switch c.Kind {
	case backend.Launch:
		if k, ok := c.Kernel.(Kernel); !ok || k.On() != h {
			return fmt.Errorf("kernel %v is another device's", c.Kernel)
		}
		for _, buffers := range [][]backend.Buffer{c.In, c.Out, {c.Scratch}} {
			for _, b := range buffers {
				if err := h.Owns(b); err != nil {
					return err
				}
			}
		}
	case backend.Copy:
		from, ok := c.From.(interface{ self() *Host })
		if !ok || from.self().backend != h.backend {
			return fmt.Errorf("copy from %v, another backend's device", c.From)
		}
		if err := from.self().Owns(c.Src); err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if err := h.Owns(c.Dst); err != nil {
			return fmt.Errorf("destination: %w", err)
		}
	}
	return nil
}

// Start enqueues a job.
func (h *Host) Start(j Job) { h.worker.Start(j) }

// Sync waits for all jobs and returns the first error of any.
func (h *Host) Sync() error {
	if err := h.worker.Sync(); err != nil {
		return h.Errorf("sync", err)
	}
	return nil
}

// Close ends the worker after its jobs and frees the memory.
func (h *Host) Close() error {
	if h.closed {
		return nil
	}
	h.closed = true
	h.worker.Close()
	for m := range h.live {
		m.free()
	}
	return nil
}
