//go:build gpu

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"duet/engine/backend/worker"
)

// slot is pinned memory, and one upload from it, which is a worker.Job. Uploads of lent memory pass through staged alone.
type slot struct {
	d        *device
	kind     slotKind
	host     []byte // nil before it is wanted
	staged   cu.DevicePtr
	arrived  cu.Event // in staged
	done     cu.Event // and the slot is free again
	recorded bool     // done was, ever; on the worker's thread
	to       cu.DevicePtr
	bytes    int64
	used     bool // host was
	wait     waiting
	fetch    fetch
}

// make reserves what the slot does not have yet; on the worker's thread.
func (s *slot) make(withHost bool) (err error) {
	s.wait.slot = s
	if withHost && s.host == nil {
		if s.host, err = pinned(s.kind.bytes); err != nil {
			return err
		}
	}
	if s.done != (cu.Event{}) {
		return nil
	}
	for _, e := range []*cu.Event{&s.arrived, &s.done} {
		if *e, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return fmt.Errorf("cuEventCreate: %w", err)
		}
	}
	if s.kind.staged {
		if s.staged, err = cu.MemAlloc(s.kind.bytes); err != nil {
			return fmt.Errorf("cuMemAlloc of %d bytes for images under way: %w", s.kind.bytes, err)
		}
	}
	return nil
}

func (s *slot) free() error {
	for _, e := range []*cu.Event{&s.arrived, &s.done} {
		if *e != (cu.Event{}) {
			if err := cu.DestroyEvent(e); err != nil {
				return fmt.Errorf("cuEventDestroy: %w", err)
			}
		}
	}
	if s.staged != 0 {
		if err := cu.MemFree(s.staged); err != nil {
			return fmt.Errorf("cuMemFree: %w", err)
		}
		s.staged = 0
	}
	if s.host == nil {
		return nil
	}
	host := s.host
	s.host = nil
	return unpin(host)
}

// Run enqueues the upload.
func (s *slot) Run() error {
	if err := s.enqueue(); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return nil
}

func (s *slot) enqueue() error {
	if s.kind.staged {
		if err := s.cross(s.host, s.bytes, s.arrived); err != nil {
			return err
		}
		return s.land(s.to, s.bytes, s.arrived)
	}
	if err := cu.MemcpyHtoDAsync(s.to, bufferAt(s.host), s.bytes, s.d.compute); err != nil {
		return fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", s.bytes, err)
	}
	return s.finish()
}

// cross takes bytes of pinned memory over the bus to staged, on the copy stream, when what was there has moved on.
func (s *slot) cross(from []byte, bytes int64, arrived cu.Event) error {
	if s.recorded {
		if err := s.d.copies.Wait(s.done, 0); err != nil {
			return fmt.Errorf("cuStreamWaitEvent: %w", err)
		}
	}
	if err := cu.MemcpyHtoDAsync(s.staged, bufferAt(from), bytes, s.d.copies); err != nil {
		return fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", bytes, err)
	}
	if err := arrived.Record(s.d.copies); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	return nil
}

// land moves what arrived in staged on within the device, when the compute stream is there.
func (s *slot) land(to cu.DevicePtr, bytes int64, arrived cu.Event) error {
	if err := s.d.compute.Wait(arrived, 0); err != nil {
		return fmt.Errorf("cuStreamWaitEvent: %w", err)
	}
	if err := cu.MemcpyDtoDAsync(to, s.staged, bytes, s.d.compute); err != nil {
		return fmt.Errorf("cuMemcpyDtoDAsync of %d bytes: %w", bytes, err)
	}
	return s.finish()
}

func (s *slot) finish() error {
	if err := s.done.Record(s.d.compute); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	s.recorded = true
	return nil
}

// waiting waits until a slot's upload is done.
type waiting struct{ slot *slot }

func (w *waiting) Run() error {
	if err := w.slot.done.Synchronize(); err != nil {
		return fmt.Errorf("cuEventSynchronize: %w", err)
	}
	return nil
}

// fetch copies to a slot's pinned memory and waits.
type fetch struct {
	slot  *slot
	from  cu.DevicePtr
	bytes int64
}

func (f *fetch) Run() error {
	if err := cu.MemcpyDtoHAsync(bufferAt(f.slot.host), f.from, f.bytes, f.slot.d.compute); err != nil {
		return fmt.Errorf("cuMemcpyDtoHAsync of %d bytes: %w", f.bytes, err)
	}
	return f.slot.d.finished()
}

var _ worker.Job = (*slot)(nil)
