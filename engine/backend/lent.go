package backend

import (
	"errors"
	"fmt"
	"sync"
)

// ErrGivenBack says that lent memory was used after its Close.
var ErrGivenBack = errors.New("lent memory is used after it was given back")

// Lender is a device that lends memory of the host for uploads: pinned memory, where the device reads that by itself.
type Lender interface {
	// Lend gives so many bytes of the host's memory, with undefined contents. Every device of the same backend uploads
	// them without a copy aside.
	Lend(bytes int64) (*Lent, error)
}

// Lent is memory of the host that takes the place of a []uint8 in Upload, of the same length as the buffer's layout.
// Upload then copies nothing aside, does not wait and does not allocate: it reads Data when its turn comes, on any number
// of devices. So the round is
//
//	Wait, write Data, Upload to each device that wants it, Wait, ...
//
// Data must not be written between an Upload and the end of the next Wait; reading it is allowed at any time. Wait is for
// one goroutine at a time, which need not be the one that uploads, but not during an Upload of this Lent. Data is the
// memory itself, and must not be set to another slice. A device that cannot reach the memory, as a GPU cannot reach Go's,
// copies it aside as it does an array; the round is the same.
//
// Close gives the memory back. So does the device that lent it when it is closed, where the memory is not Go's: then Data
// must not be touched any more.
type Lent struct {
	Data []uint8

	array    any    // Data
	lender   Device // nil for memory of Go's
	giveBack func() error
	mu       sync.Mutex
	readings []Reading // since the last Wait
	closed   bool
}

// Reading is an Upload that was given lent memory.
type Reading interface {
	// Wait returns when it does not read the memory any more. It is called once, from any goroutine.
	Wait() error
}

// NewLent makes memory known as lent by a device, which is nil for memory of Go's. giveBack, unless nil, is what Close has
// to do.
func NewLent(data []uint8, lender Device, giveBack func() error) *Lent {
	return &Lent{Data: data, array: data, lender: lender, giveBack: giveBack}
}

// Lender is the device that lent memory of the driver's, nil for memory of Go's.
func (l *Lent) Lender() Device { return l.lender }

// Array is Data as the host array of an Upload that copies it; asking for it does not allocate.
func (l *Lent) Array() (any, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrGivenBack
	}
	return l.array, nil
}

// Reads tells of an upload that is about to read the memory. Devices call it before they enqueue one.
func (l *Lent) Reads(r Reading) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrGivenBack
	}
	l.readings = append(l.readings, r)
	return nil
}

// Wait returns when no Upload that was given this memory reads it any more: then Data may be written again. Its error is
// that of a device that failed meanwhile, which does not read either. It does not wait for what the device does with the
// upload afterwards.
func (l *Lent) Wait() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wait()
}

func (l *Lent) wait() error {
	var first error
	for i, r := range l.readings {
		if err := r.Wait(); err != nil && first == nil {
			first = err
		}
		l.readings[i] = nil
	}
	l.readings = l.readings[:0]
	return first
}

// Close waits as Wait does and gives the memory back; from any goroutine, not during an Upload of it. A second Close does
// nothing.
func (l *Lent) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	err := l.wait()
	l.closed, l.Data, l.array = true, nil, nil
	if l.giveBack != nil {
		err = errors.Join(err, l.giveBack())
	}
	return err
}

// Upload is the Upload of a device, which need not know of lent memory.
func Upload(d Device, dst Buffer, l Layout, host any) error {
	lent, is := host.(*Lent)
	if !is {
		return d.Upload(dst, l, host)
	}
	if _, lends := d.(Lender); lends {
		return d.Upload(dst, l, lent)
	}
	array, err := lent.Array()
	if err != nil {
		return fmt.Errorf("%s: upload: %w", d.Name(), err)
	}
	return d.Upload(dst, l, array)
}
