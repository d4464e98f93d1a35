//go:build gpu

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// event is a ring of the driver's events, one a run, and a count of how many were recorded: a stream may be told to
// wait for an event only after it was recorded, as before that it would not wait at all. The ring lets a device record
// the next run's while others have still to be told to wait for this one's.
type event struct {
	*worker.Event
	on      *device
	ring    [8]cu.Event
	signals uint64 // on the worker's thread of on
}

// NewEvent makes an event for programs of this device to signal.
func (d *device) NewEvent() (backend.Event, error) {
	if d.closed {
		return nil, d.errorf("new event", worker.ErrClosed)
	}
	e := &event{Event: worker.NewEvent(fmt.Sprintf("%s event %d", d.name, d.count.Add(1))), on: d}
	err := d.do(func() (err error) {
		for i := range e.ring {
			if e.ring[i], err = cu.MakeEvent(cu.DisableTiming); err != nil {
				return fmt.Errorf("cuEventCreate: %w", err)
			}
		}
		return nil
	})
	d.events = append(d.events, e)
	if err != nil {
		return nil, d.errorf("new event", err)
	}
	return e, nil
}

// record enqueues the next signal, on the thread of the event's device, which the stream is of.
func (e *event) record(stream cu.Stream) error {
	if err := e.ring[(e.signals+1)%uint64(len(e.ring))].Record(stream); err != nil {
		return fmt.Errorf("cuEventRecord of %v: %w", e, err)
	}
	e.signals++
	e.Signal()
	return nil
}

// await enqueues the wait for the n-th signal, n from 1, on the thread of the stream's device, once the signal is
// enqueued.
func (e *event) await(n uint64, stream cu.Stream) error {
	if err := e.Wait(n); err != nil {
		return err
	}
	if err := stream.Wait(e.ring[n%uint64(len(e.ring))], 0); err != nil {
		return fmt.Errorf("cuStreamWaitEvent for %v: %w", e, err)
	}
	return nil
}

// destroy gives the driver's events back.
func (e *event) destroy() error {
	for i := range e.ring {
		if e.ring[i] == (cu.Event{}) {
			continue
		}
		if err := cu.DestroyEvent(&e.ring[i]); err != nil {
			return err
		}
	}
	return nil
}
