//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"sync"

	"gorgonia.org/cu"

	"duet/engine/backend"
)

// small is how many bytes go in turn with the kernels. Images are larger: they go by the copy stream, so that they
// cross the bus while the kernels of the step before run.
const small = 64 << 10

// Numbers of what is used in turn: uploads under way, and memory of the device that images pass through. Two of the
// latter are what lets one batch cross the bus while another is read.
const uploadRing, stagingRing = 32, 2

// uploads are a device's transfers from host memory. Their events are used in turn.
type uploads struct {
	d       *device
	ring    [uploadRing]upload
	staging map[int64]*stages // by size

	mu       sync.Mutex
	changed  sync.Cond
	begun    uint64
	enqueued uint64 // on the GPU, or failed

	ending sync.RWMutex // held for reading where an event is waited for
	ended  bool         // the events are gone, and all that they stood for has happened
}

// upload is one transfer, a worker.Job.
type upload struct {
	us     *uploads
	number uint64
	from   []byte
	to     cu.DevicePtr
	stage  *stage   // that it passes through, or nil
	read   cu.Event // from is
	made   bool     // read is; on the worker's thread
}

// stages are memory of the device of one size that images pass through in turn.
type stages struct {
	all  [stagingRing]stage
	next int
}

type stage struct {
	at       cu.DevicePtr
	left     cu.Event // what was in it
	recorded bool     // left was, ever; on the worker's thread
}

func newUploads(d *device) *uploads {
	us := &uploads{d: d, staging: map[int64]*stages{}}
	us.changed.L = &us.mu
	return us
}

// staged says whether a tensor goes by the copy stream: images do.
func staged(bytes int64, stored element) bool { return bytes > small && stored == bytes8 }

// Staging is the memory that images take on the device beside their buffer.
func (d *device) Staging(l backend.Layout) int64 {
	if mine, ok := l.(*layout); ok && staged(l.Bytes(), mine.element) {
		return stagingRing * l.Bytes()
	}
	return 0
}

// send enqueues an upload of pinned memory to an address.
func (us *uploads) send(to cu.DevicePtr, from []byte, stored element) (backend.Transfer, error) {
	var through *stage
	if bytes := int64(len(from)); staged(bytes, stored) {
		s, err := us.stages(bytes)
		if err != nil {
			return backend.Transfer{}, err
		}
		through = &s.all[s.next]
		s.next = (s.next + 1) % stagingRing
	}
	us.mu.Lock()
	us.begun++
	number := us.begun
	for us.enqueued+uploadRing < number { // the place in the ring is another's, which the worker has not come to
		us.changed.Wait()
	}
	us.mu.Unlock()
	u := &us.ring[number%uploadRing]
	u.us, u.number, u.from, u.to, u.stage = us, number, from, to, through
	us.d.worker.Start(u)
	return backend.Transfer{On: us.d, Number: number}, nil
}

// stages finds or makes the memory for a size, so that what is missing shows with the first upload.
func (us *uploads) stages(bytes int64) (*stages, error) {
	if s := us.staging[bytes]; s != nil {
		return s, nil
	}
	s := &stages{}
	if err := us.d.do(func() error { return s.make(bytes) }); err != nil {
		us.d.do(s.free) // its own error is no news after this one
		return nil, err
	}
	us.staging[bytes] = s
	return s, nil
}

func (s *stages) make(bytes int64) (err error) {
	for i := range s.all {
		if s.all[i].left, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return fmt.Errorf("cuEventCreate: %w", err)
		}
		if s.all[i].at, err = cu.MemAlloc(bytes); err != nil {
			return fmt.Errorf("cuMemAlloc of %d bytes for images under way: %w", bytes, err)
		}
	}
	return nil
}

func (s *stages) free() error {
	var errs []error
	for i := range s.all {
		if s.all[i].left != (cu.Event{}) {
			errs = append(errs, cu.DestroyEvent(&s.all[i].left))
		}
		if s.all[i].at != 0 {
			errs = append(errs, cu.MemFree(s.all[i].at))
		}
		s.all[i] = stage{}
	}
	return errors.Join(errs...)
}

// Run enqueues the upload on the GPU.
func (u *upload) Run() error {
	err := u.enqueue()
	if err != nil {
		// What it began to read must not be written; the streams' own errors are no news.
		u.us.d.copies.Synchronize()
		u.us.d.compute.Synchronize()
		err = fmt.Errorf("upload: %w", err)
	}
	u.us.mu.Lock()
	u.us.enqueued = u.number
	u.us.mu.Unlock()
	u.us.changed.Broadcast()
	return err
}

func (u *upload) enqueue() (err error) {
	d := u.us.d
	if !u.made {
		if u.read, err = cu.MakeEvent(cu.DisableTiming | cu.BlockingSyncEvent); err != nil {
			return fmt.Errorf("cuEventCreate: %w", err)
		}
		u.made = true
	} else if err := u.read.Synchronize(); err != nil { // of an upload of long ago, whose end the event must not lose
		return fmt.Errorf("cuEventSynchronize: %w", err)
	}
	to, stream := u.to, d.compute
	if u.stage != nil {
		to, stream = u.stage.at, d.copies
		if u.stage.recorded {
			if err := d.copies.Wait(u.stage.left, 0); err != nil {
				return fmt.Errorf("cuStreamWaitEvent: %w", err)
			}
		}
	}
	if len(u.from) > 0 {
		if err := cu.MemcpyHtoDAsync(to, bufferAt(u.from), int64(len(u.from)), stream); err != nil {
			return fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", len(u.from), err)
		}
	}
	if err := u.read.Record(stream); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	if u.stage == nil {
		return nil
	}
	return u.stage.moveOn(d, u.to, int64(len(u.from)), u.read)
}

// moveOn brings what arrives in a stage to its place, when the compute stream is there.
func (s *stage) moveOn(d *device, to cu.DevicePtr, bytes int64, arrived cu.Event) error {
	if err := d.compute.Wait(arrived, 0); err != nil {
		return fmt.Errorf("cuStreamWaitEvent: %w", err)
	}
	if err := cu.MemcpyDtoDAsync(to, s.at, bytes, d.compute); err != nil {
		return fmt.Errorf("cuMemcpyDtoDAsync of %d bytes: %w", bytes, err)
	}
	if err := s.left.Record(d.compute); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	s.recorded = true
	return nil
}

// Await returns when an upload has crossed the bus. It does not pass through the worker's queue, where it would hold up
// what comes after it.
func (d *device) Await(number uint64) error {
	us := d.uploads
	us.mu.Lock()
	for us.enqueued < number {
		us.changed.Wait()
	}
	past := us.enqueued >= number+uploadRing // its event is another's, which waited for it
	us.mu.Unlock()
	us.ending.RLock()
	defer us.ending.RUnlock()
	u := &us.ring[number%uploadRing]
	if past || us.ended || u.read == (cu.Event{}) {
		return nil
	}
	if err := awaitEvent(d.context, u.read); err != nil {
		return d.errorf("wait for an upload", err)
	}
	return nil
}

// free gives events and memory back when everything is done; on the worker's thread.
func (us *uploads) free() error {
	us.ending.Lock()
	defer us.ending.Unlock()
	us.ended = true
	var errs []error
	for i := range us.ring {
		if us.ring[i].made {
			errs = append(errs, cu.DestroyEvent(&us.ring[i].read))
		}
	}
	for _, s := range us.staging {
		errs = append(errs, s.free())
	}
	us.staging = nil
	return errors.Join(errs...)
}
