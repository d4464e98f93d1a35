package dataloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"duet/dataloader/packed"
)

// ErrClosed is what Next returns after Close.
var ErrClosed = errors.New("the loader is closed")

// A Loader makes batches ready in the background, in a ring that it allocates once: Prefetch of them ahead, one with
// the caller, one being filled, and one that is still being uploaded. Its methods are for one goroutine.
//
// Each image is copied once, from the mapped file into its batch (or decoded there). Which images a batch has does not
// depend on how many workers there are.
type Loader struct {
	set     *packed.Set
	rows    Rows  // in the place of the set's images; nil: there are none
	ahead   int   // batches for which the system is asked to read
	err     error // what was wrong with the arguments
	stop    context.CancelFunc
	done    <-chan struct{}
	wait    sync.WaitGroup
	free    chan *Batch // released, to be planned
	work    chan piece  // planned, to be filled
	queue   chan *Batch // planned, in the order of Next
	ring    []*Batch
	cooling *Batch // released, perhaps still being uploaded from
	inHand  int
	most    int // batches that may be with the caller

	counters Counters
}

// coolingBatches are those that may still be uploaded from after Release.
const coolingBatches = 1

// A planner says what the next batch holds, all but its Images; false when there is none.
type planner interface {
	plan(b *Batch) bool
	// upcoming are the images of the batch so many after the one that is planned next; nil when that is not worth knowing.
	upcoming(ahead int, index []int32) []int32
}

// Rows stand in the place of the images of a set: what a network makes of each of them.
type Rows interface {
	// Bytes are those of an image.
	Bytes() int
	// Fill puts what stands for image i of a batch, in the batch's view, into the batch's Images.
	Fill(b *Batch, i int) error
}

// newLoader starts a loader. A mistake in the arguments is the error of the first Next.
func newLoader(set *packed.Set, rows Rows, c Config, batch, draws int, allocate Allocate, p planner) *Loader {
	if err := checkLoader(set, c, batch); err != nil {
		return &Loader{err: err}
	}
	ring := c.Prefetch + 2
	if allocate != nil {
		ring += coolingBatches
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &Loader{set: set, rows: rows, ahead: c.ReadAhead, most: c.Prefetch + 2, stop: stop, done: ctx.Done(),
		free: make(chan *Batch, ring), queue: make(chan *Batch, ring)}
	bytes := set.Index.Pixels()
	if rows != nil {
		bytes, l.ahead = rows.Bytes(), 0
	}
	for range ring {
		b, err := NewBatch(batch, bytes, draws, allocate)
		if err != nil {
			l.err = errors.Join(err, l.release())
			return l
		}
		l.ring = append(l.ring, b)
		l.free <- b
	}
	workers := workerCount(c.Workers)
	l.work = make(chan piece, ring*pieces(batch, workers))
	for range workers {
		r, err := set.NewReader()
		if err != nil {
			l.err = err
			close(l.work)
			stop()
			l.wait.Wait()
			l.err = errors.Join(err, l.release())
			return l
		}
		l.wait.Go(func() { l.fill(r) })
	}
	l.wait.Go(func() { l.plan(p, pieces(batch, workers)) })
	return l
}

func checkLoader(set *packed.Set, c Config, batch int) error {
	if batch < 1 || batch > 1<<20 {
		return fmt.Errorf("batch of %d images: want 1 to %d", batch, 1<<20)
	}
	if c.Prefetch < 0 || c.Crop < 1 || c.Pad < 0 {
		return fmt.Errorf("data.prefetch = %d, data.crop = %d, data.pad = %d: want at least 0, 1 and 0", c.Prefetch, c.Crop,
			c.Pad)
	}
	return c.Fits(set.Dir(), set.Height(), set.Width())
}

// plan hands out the batches in order. Closing queue tells Next that there are no more.
func (l *Loader) plan(p planner, pieces int) {
	defer close(l.queue)
	defer close(l.work)
	hints := readAhead{set: l.set, planner: p, batches: l.ahead}
	for {
		select {
		case b := <-l.free:
			hints.advance(len(b.Index))
			if !p.plan(b) {
				return
			}
			b.err = nil
			b.left.Store(int32(pieces))
			l.queue <- b // these have room for the whole ring
			for k := range pieces {
				l.work <- piece{b, k, pieces}
			}
		case <-l.done:
			return
		}
	}
}

// Next waits for the next batch. io.EOF ends an evaluation; ctx may end the wait.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	if l.err != nil {
		return nil, l.err
	}
	if l.inHand == l.most {
		return nil, fmt.Errorf("all %d batches of the loader are in use: release one before the next", l.inHand)
	}
	began := time.Now()
	b, ready, err := l.await(ctx)
	if err != nil {
		return nil, err
	}
	l.counters.Batches++
	if ready {
		l.counters.Ready++
	} else {
		l.counters.Waited += time.Since(began)
	}
	b.out = true
	l.inHand++
	return b, nil
}

// await gives the next batch when it is filled, and whether it was so already.
func (l *Loader) await(ctx context.Context) (b *Batch, ready bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	var open bool
	select {
	case b, open = <-l.queue:
		ready = true
	default:
		select {
		case b, open = <-l.queue:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
	if !open {
		return nil, false, io.EOF
	}
	select {
	case <-b.filled:
	default:
		ready = false
		<-b.filled // filling comes to its end soon, whatever happens: no need of ctx
	}
	l.err = b.err // for good: the batches after it are of no use without it
	return b, ready, l.err
}

// Release gives a batch back to be filled again, as soon as nothing reads its Memory any more. That is waited for with
// the next Release, so that an upload that has just begun holds up nobody.
func (l *Loader) Release(b *Batch) error {
	if !b.out {
		panic("dataloader: batch released twice")
	}
	b.out = false
	l.inHand--
	if b.Memory == nil {
		l.free <- b
		return nil
	}
	cooled := l.cooling
	l.cooling = b
	if cooled == nil {
		return nil
	}
	err := cooled.Memory.Wait()
	l.free <- cooled
	return err
}

// Counters are what the loader has done so far.
func (l *Loader) Counters() Counters { return l.counters }

// Close stops the background work and waits for it, and for what is still being uploaded. The set may be closed
// afterwards.
func (l *Loader) Close() error {
	var err error
	if l.stop != nil {
		l.stop()
		l.wait.Wait()
		err = l.release()
		l.stop = nil
	}
	if l.err == nil {
		l.err = ErrClosed
	}
	return err
}

// release gives the batches' memory back.
func (l *Loader) release() error {
	var first error // a device that failed says so for each
	for _, b := range l.ring {
		if b.Memory == nil {
			continue
		}
		for _, err := range []error{b.Memory.Wait(), b.Memory.Close()} {
			if first == nil {
				first = err
			}
		}
	}
	l.ring = nil
	return first
}
