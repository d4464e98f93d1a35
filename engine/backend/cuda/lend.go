//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// lent is the pinned memory that a device has lent and not got back.
type lent struct {
	mu  sync.Mutex
	out []*backend.Lent
}

// Lend gives pinned memory, from which all GPUs copy by themselves.
func (d *device) Lend(bytes int64) (*backend.Lent, error) {
	if d.closed {
		return nil, d.errorf("lend", worker.ErrClosed)
	}
	if bytes < 0 || bytes > 1<<46 {
		return nil, fmt.Errorf("%s: lend %d bytes", d.name, bytes)
	}
	var host []byte
	err := d.do(func() (err error) {
		host, err = pinned(max(1, bytes))
		return err
	})
	if err != nil {
		if host != nil { // the device failed before
			freeHost(d.context, host)
		}
		return nil, d.errorf("lend", err)
	}
	var l *backend.Lent
	l = backend.NewLent(host[:bytes:bytes], d, func() error { return d.takeBack(l, host) })
	d.lent.mu.Lock()
	defer d.lent.mu.Unlock()
	d.lent.out = append(d.lent.out, l)
	return l, nil
}

// takeBack frees lent memory, which nothing reads any more; on any thread.
func (d *device) takeBack(l *backend.Lent, host []byte) error {
	d.lent.mu.Lock()
	d.lent.out = slices.DeleteFunc(d.lent.out, func(other *backend.Lent) bool { return other == l })
	d.lent.mu.Unlock()
	if err := freeHost(d.context, host); err != nil && !d.failed.Load() {
		return d.errorf("take lent memory back", err)
	}
	return nil
}

// takeAllBack closes what is lent, before the device is closed.
func (d *device) takeAllBack() error {
	d.lent.mu.Lock()
	out := slices.Clone(d.lent.out)
	d.lent.mu.Unlock()
	var errs []error
	for _, l := range out {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// readings are uploads from lent memory, kept for the next ones.
type readings struct {
	mu     sync.Mutex
	idle   []*reading
	all    []*reading
	ending sync.RWMutex // held for reading where an event is waited for
	ended  bool         // the events are gone, and all that they stood for has happened
}

// reading is one upload from lent memory: a worker.Job, and what the memory's Wait waits for.
type reading struct {
	d        *device
	from     []byte
	to       cu.DevicePtr
	slot     *slot     // that it passes through, or nil
	read     cu.Event  // from is
	enqueued chan bool // by Run: whether read was recorded
}

// lendable says whether the GPU can copy from lent memory by itself.
func lendable(l *backend.Lent) bool {
	_, ours := l.Lender().(*device)
	return ours
}

// borrow uploads lent memory, which is read when its turn comes, to an address: images by the copy stream, little in turn
// with the kernels, as arrays are.
func (u *uploader) borrow(at cu.DevicePtr, l *backend.Lent) error {
	bytes := int64(len(l.Data))
	if bytes == 0 {
		return nil
	}
	var s *slot
	if staged(bytes, bytes8) {
		var err error
		if s, err = u.turn(slotKind{bytes, true}, false); err != nil {
			return err
		}
	}
	r := u.readings.take(u.d)
	r.from, r.to, r.slot = l.Data, at, s
	if err := l.Reads(r); err != nil {
		u.readings.give(r)
		return err
	}
	u.d.worker.Start(r)
	return nil
}

func (rs *readings) take(d *device) *reading {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	last := len(rs.idle) - 1
	if last < 0 {
		r := &reading{d: d, enqueued: make(chan bool, 1)}
		rs.all = append(rs.all, r)
		return r
	}
	r := rs.idle[last]
	rs.idle = rs.idle[:last]
	return r
}

func (rs *readings) give(r *reading) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.from, r.slot = nil, nil
	rs.idle = append(rs.idle, r)
}

// Run enqueues the upload.
func (r *reading) Run() error {
	recorded, err := r.enqueue()
	r.enqueued <- recorded // and Wait may give it to the next upload
	if err != nil {
		return fmt.Errorf("upload of lent memory: %w", err)
	}
	return nil
}

func (r *reading) enqueue() (recorded bool, err error) {
	if r.read == (cu.Event{}) {
		if r.read, err = cu.MakeEvent(cu.DisableTiming | cu.BlockingSyncEvent); err != nil {
			return false, fmt.Errorf("cuEventCreate: %w", err)
		}
	}
	bytes := int64(len(r.from))
	if r.slot != nil {
		if err := r.slot.cross(r.from, bytes, r.read); err != nil {
			r.d.copies.Synchronize() // its own error is no news; what it began to read must not be written
			return false, err
		}
		return true, r.slot.land(r.to, bytes, r.read)
	}
	if err := cu.MemcpyHtoDAsync(r.to, bufferAt(r.from), bytes, r.d.compute); err != nil {
		return false, fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", bytes, err)
	}
	if err := r.read.Record(r.d.compute); err != nil {
		r.d.compute.Synchronize()
		return false, fmt.Errorf("cuEventRecord: %w", err)
	}
	return true, nil
}

// Wait returns when the memory has crossed the bus. It does not pass through the worker's queue, where it would hold up
// what comes after it.
func (r *reading) Wait() error {
	rs := &r.d.uploads.readings
	recorded := <-r.enqueued
	rs.ending.RLock()
	defer rs.ending.RUnlock()
	if rs.ended {
		return nil
	}
	var err error
	if recorded {
		if err = awaitEvent(r.d.context, r.read); err != nil {
			err = r.d.errorf("wait for an upload", err)
		}
	}
	rs.give(r)
	return err
}

// free gives the events back when everything is done; on the worker's thread.
func (rs *readings) free() error {
	rs.ending.Lock()
	defer rs.ending.Unlock()
	rs.ended = true
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var errs []error
	for _, r := range rs.all {
		if r.read != (cu.Event{}) {
			errs = append(errs, cu.DestroyEvent(&r.read))
		}
	}
	rs.all, rs.idle = nil, nil
	return errors.Join(errs...)
}

var _ backend.Lender = (*device)(nil)
