//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gorgonia.org/cu"
)

// measure lays a candidate out for trial and takes the median time of a few runs on memory of its own, which is given
// back. The first run is all of them where it takes more than twice as long as the best candidate so far, unless that
// is 0.
func (b *builder) measure(c candidate, best time.Duration) (time.Duration, error) {
	before := *b.k
	defer func() { *b.k = before }()
	c.lay(b)
	if b.failure != nil {
		return 0, b.failure
	}
	t := trial{d: b.d, label: c.String(), best: best}
	for _, l := range b.in {
		t.reserve(inputs, l.Bytes())
	}
	for _, l := range b.k.out {
		t.reserve(outputs, l.Bytes())
	}
	t.reserve(scratch, b.k.scratch)
	var took time.Duration
	err := b.d.do(func() (err error) {
		took, err = t.run(b.k.steps[len(before.steps):])
		return err
	})
	return took, err
}

// trial is memory and events to measure steps with, on the device's thread.
type trial struct {
	d          *device
	label      string
	best       time.Duration // of another candidate; 0: there is none
	offsets    [none][]int64
	bytes      int64
	at         cu.DevicePtr
	begin, end cu.Event
	sequence   sequence
}

func (t *trial) reserve(s space, bytes int64) {
	t.offsets[s] = append(t.offsets[s], t.bytes)
	t.bytes += aligned(bytes)
}

func (t *trial) run(steps []step) (took time.Duration, err error) {
	defer func() { err = errors.Join(err, t.free()) }()
	if t.at, err = cu.MemAlloc(max(1, t.bytes)); err != nil {
		return 0, fmt.Errorf("cuMemAlloc of %d bytes: %w", t.bytes, err)
	}
	// A small number both as bf16 and as f32: the time of a multiplication may depend on its operands' bits.
	const filling = 0x3c
	if err := cu.MemsetD8Async(t.at, filling, t.bytes, t.d.compute); err != nil {
		return 0, fmt.Errorf("cuMemsetD8Async: %w", err)
	}
	for _, e := range []*cu.Event{&t.begin, &t.end} {
		if *e, err = cu.MakeEvent(cu.DefaultEvent); err != nil {
			return 0, fmt.Errorf("cuEventCreate: %w", err)
		}
	}
	for i := range steps {
		t.sequence.add(&steps[i], func(o operand) cu.DevicePtr {
			if o.space == none {
				return 0
			}
			return t.at + cu.DevicePtr(t.offsets[o.space][o.index]+o.offset)
		}, t.label)
	}
	return t.median()
}

// median is of five runs, after one that warms up, or of the first one where that shows enough.
func (t *trial) median() (time.Duration, error) {
	var times []time.Duration
	for i := range 6 {
		if stop := t.d.choices.stop; stop != nil {
			if err := stop(); err != nil {
				return 0, err
			}
		}
		if err := t.begin.Record(t.d.compute); err != nil {
			return 0, fmt.Errorf("cuEventRecord: %w", err)
		}
		if err := t.sequence.enqueue(t.d.compute, false); err != nil {
			return 0, err
		}
		if err := t.end.Record(t.d.compute); err != nil {
			return 0, fmt.Errorf("cuEventRecord: %w", err)
		}
		if err := t.end.Synchronize(); err != nil {
			return 0, fmt.Errorf("cuEventSynchronize: %w", err)
		}
		ms, err := t.begin.Elapsed(t.end)
		if err != nil {
			return 0, fmt.Errorf("cuEventElapsedTime: %w", err)
		}
		if i > 0 {
			times = append(times, time.Duration(ms*float64(time.Millisecond)))
		}
		if len(times) == 1 && t.best > 0 && times[0] > 2*t.best {
			break
		}
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// free gives everything back. Nothing is under way that uses it, unless the device has failed.
func (t *trial) free() error {
	errs := []error{t.sequence.free()}
	for _, e := range []*cu.Event{&t.begin, &t.end} {
		if *e != (cu.Event{}) {
			errs = append(errs, cu.DestroyEvent(e))
		}
	}
	if t.at != 0 {
		errs = append(errs, cu.MemFree(t.at))
	}
	return errors.Join(errs...)
}
