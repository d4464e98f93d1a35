//go:build gpu

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// Sizes of pinned memory. What is larger than a piece goes in pieces.
const (
	small = 64 << 10
	piece = 8 << 20
)

// rings are how many uploads of a kind may be under way: a step has half a dozen small ones, and two of the images are
// what lets one cross the bus while another is read.
const smallRing, largeRing = 16, 2

// uploader lends pinned memory to uploads. Memory of one size is used in turn; its next use waits until the GPU has
// taken what it held.
type uploader struct {
	d     *device
	rings map[slotKind]*ring
}

// slotKind is what memory is interchangeable.
type slotKind struct {
	bytes  int64
	staged bool // with as much memory of the device beside it, which the copy stream fills
}

type ring struct {
	slots []*slot
	next  int
}

func newUploader(d *device) *uploader { return &uploader{d: d, rings: map[slotKind]*ring{}} }

// staged says whether a tensor goes by the copy stream: images do.
func staged(bytes int64, stored element) bool { return bytes > small && stored == bytes8 }

// Staging is the memory that images take on the device beside their buffer.
func (d *device) Staging(l backend.Layout) int64 {
	if mine, ok := l.(*layout); ok && staged(l.Bytes(), mine.element) {
		return largeRing * l.Bytes()
	}
	return 0
}

// send uploads an array, stored as elements, to an address.
func (u *uploader) send(at cu.DevicePtr, from hostArray, stored element) error {
	if staged(int64(len(from.data)), stored) {
		return u.sendPiece(at, from.data, stored, slotKind{int64(len(from.data)), true}, int64(len(from.data)))
	}
	step := int(piece / 4 * from.element.size())
	for i := 0; i < len(from.data); i += step {
		part := from.data[i:min(i+step, len(from.data))]
		bytes := int64(len(part)) / from.element.size() * stored.size()
		kind := slotKind{bytes: piece}
		if bytes <= small {
			kind.bytes = small
		}
		if err := u.sendPiece(at, part, stored, kind, bytes); err != nil {
			return err
		}
		at += cu.DevicePtr(bytes)
	}
	return nil
}

func (u *uploader) sendPiece(at cu.DevicePtr, from []byte, stored element, kind slotKind, bytes int64) error {
	s, err := u.take(kind)
	if err != nil {
		return err
	}
	encode(s.host[:bytes], from, stored)
	s.to, s.bytes, s.used = at, bytes, true
	u.d.worker.Start(s)
	return nil
}

// take gives the next memory of a kind, when the GPU is done with it.
func (u *uploader) take(kind slotKind) (*slot, error) {
	r := u.rings[kind]
	if r == nil {
		var err error
		if r, err = u.ring(kind); err != nil {
			return nil, err
		}
	}
	s := r.slots[r.next]
	r.next = (r.next + 1) % len(r.slots)
	if s.used {
		s.used = false
		u.d.worker.Start(&s.wait)
		if err := u.d.worker.Sync(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ring reserves all memory of a kind, so that what is missing shows with the first upload.
func (u *uploader) ring(kind slotKind) (*ring, error) {
	n := largeRing
	if kind.bytes <= small {
		n = smallRing
	}
	r := &ring{}
	for range n {
		r.slots = append(r.slots, &slot{d: u.d, kind: kind})
	}
	err := u.d.do(func() error {
		for _, s := range r.slots {
			if err := s.make(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		u.d.do(r.free) // its own error is no news after this one
		return nil, err
	}
	u.rings[kind] = r
	return r, nil
}

// receive downloads what lies at an address; everything enqueued must be done.
func (u *uploader) receive(to hostArray, at cu.DevicePtr, stored element) error {
	step := int(piece / 4 * to.element.size())
	for i := 0; i < len(to.data); i += step {
		part := to.data[i:min(i+step, len(to.data))]
		bytes := int64(len(part)) / to.element.size() * stored.size()
		kind := slotKind{bytes: piece}
		if bytes <= small {
			kind.bytes = small
		}
		s, err := u.take(kind)
		if err != nil {
			return err
		}
		s.fetch = fetch{s, at, bytes}
		u.d.worker.Start(&s.fetch)
		if err := u.d.worker.Sync(); err != nil {
			return err
		}
		decode(part, s.host[:bytes], stored)
		at += cu.DevicePtr(bytes)
	}
	return nil
}

// free gives all memory back; on the worker's thread.
func (u *uploader) free() error {
	for _, r := range u.rings {
		if err := r.free(); err != nil {
			return err
		}
	}
	u.rings = nil
	return nil
}

// free gives all memory of a ring back; on the worker's thread.
func (r *ring) free() error {
	for _, s := range r.slots {
		if err := s.free(); err != nil {
			return err
		}
	}
	return nil
}

// slot is pinned memory, and one upload from it, which is a worker.Job.
type slot struct {
	d       *device
	kind    slotKind
	host    []byte
	staged  cu.DevicePtr
	arrived cu.Event // in staged
	done    cu.Event // and the slot is free again
	to      cu.DevicePtr
	bytes   int64
	used    bool
	wait    waiting
	fetch   fetch
}

// make reserves the memory; on the worker's thread.
func (s *slot) make() (err error) {
	s.wait.slot = s
	if s.host, err = pinned(s.kind.bytes); err != nil {
		return err
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
	var err error
	if s.kind.staged {
		err = s.throughCopies()
	} else if err = cu.MemcpyHtoDAsync(s.to, bufferAt(s.host), s.bytes, s.d.compute); err != nil {
		err = fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", s.bytes, err)
	}
	if err == nil {
		if err = s.done.Record(s.d.compute); err != nil {
			err = fmt.Errorf("cuEventRecord: %w", err)
		}
	}
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return nil
}

// throughCopies crosses the bus on the copy stream, and moves on within the device when the compute stream is there.
func (s *slot) throughCopies() error {
	if err := cu.MemcpyHtoDAsync(s.staged, bufferAt(s.host), s.bytes, s.d.copies); err != nil {
		return fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", s.bytes, err)
	}
	if err := s.arrived.Record(s.d.copies); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	if err := s.d.compute.Wait(s.arrived, 0); err != nil {
		return fmt.Errorf("cuStreamWaitEvent: %w", err)
	}
	if err := cu.MemcpyDtoDAsync(s.to, s.staged, s.bytes, s.d.compute); err != nil {
		return fmt.Errorf("cuMemcpyDtoDAsync of %d bytes: %w", s.bytes, err)
	}
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
