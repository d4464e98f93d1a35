//go:build gpu

package cuda

import (
	"gorgonia.org/cu"

	"duet/engine/backend"
)

// Sizes of pinned memory. What is larger than a piece goes in pieces.
const (
	small = 64 << 10
	piece = 8 << 20
)

// rings are how many uploads of a kind may be under way: a step has half a dozen small ones, and two of the images are
// what lets one cross the bus while another is read.
const smallRing, largeRing = 16, 2

// uploader has the memory that uploads pass through. Memory of one size is used in turn; its next use waits until the GPU
// has taken what it held.
type uploader struct {
	d        *device
	rings    map[slotKind]*ring
	readings readings
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

// take gives the next memory of a kind, pinned and when the GPU is done with it.
func (u *uploader) take(kind slotKind) (*slot, error) {
	s, err := u.turn(kind, true)
	if err != nil {
		return nil, err
	}
	if s.used {
		s.used = false
		u.d.worker.Start(&s.wait)
		if err := u.d.worker.Sync(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// turn gives the next memory of a kind at once, which the GPU may not be done with; with pinned memory where that is
// wanted, which lent memory makes needless.
func (u *uploader) turn(kind slotKind, pinned bool) (*slot, error) {
	r := u.rings[kind]
	if r == nil || pinned && r.slots[0].host == nil {
		var err error
		if r, err = u.ring(kind, pinned); err != nil {
			return nil, err
		}
	}
	s := r.slots[r.next]
	r.next = (r.next + 1) % len(r.slots)
	return s, nil
}

// ring reserves all memory of a kind, so that what is missing shows with the first upload.
func (u *uploader) ring(kind slotKind, pinned bool) (*ring, error) {
	r := u.rings[kind]
	if r == nil {
		n := largeRing
		if kind.bytes <= small {
			n = smallRing
		}
		r = &ring{}
		for range n {
			r.slots = append(r.slots, &slot{d: u.d, kind: kind})
		}
		u.rings[kind] = r
	}
	err := u.d.do(func() error {
		for _, s := range r.slots {
			if err := s.make(pinned); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		delete(u.rings, kind)
		u.d.Sync()     // uploads of lent memory may be under way
		u.d.do(r.free) // its own error is no news after this one
		return nil, err
	}
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
	if err := u.readings.free(); err != nil {
		return err
	}
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
