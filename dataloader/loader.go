package dataloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"duet/engine/rng"
)

// A Batch is what a step needs: whole packed images and how to augment them. It belongs to the caller from Next until
// Release.
type Batch struct {
	Images []uint8   // [N,H,W,3]
	Labels []int32   // [N]
	Draws  []float32 // [N,6]: top, left, mirror (0 or 1), red, green, blue shift
	Index  []int32   // [N]: which images of the set these are
	Valid  int       // rows in use; the others repeat row 0
	View   int       // which of the views of these images this is; 0 in training
	Epoch  float64   // position in the set after this batch, in epochs

	filled chan struct{} // a worker is done with it
	out    bool          // it belongs to the caller
}

// ErrClosed is what Next returns after Close.
var ErrClosed = errors.New("the loader is closed")

// A Loader makes batches ready in the background, in a ring of Prefetch+2 that it allocates once.
// Its methods are for one goroutine.
type Loader struct {
	set    *Set
	err    error // what was wrong with the arguments
	stop   context.CancelFunc
	done   <-chan struct{}
	wait   sync.WaitGroup
	free   chan *Batch // released, to be planned
	work   chan *Batch // planned, to be filled
	queue  chan *Batch // planned, in the order of Next
	inHand int
}

// A planner says what the next batch holds, all but its Images; false when there is none.
type planner func(b *Batch) bool

// NewTrainLoader gives the batches of training from step firstStep on, without end. What step s holds depends on seed
// and s alone: its i-th image stands at position s*batch+i in the endless row of the epochs' orders, each epoch a
// permutation of the set (or the set's own order without c.Shuffle). Batches run over the border of epochs. A mistake
// in the arguments is the error of the first Next.
func NewTrainLoader(set *Set, c Config, batch int, seed, firstStep uint64) *Loader {
	aug := newAugmenter(set, c, seed)
	n, step := uint64(set.Len()), firstStep
	var order []int32
	orderOf := ^uint64(0)
	return newLoader(set, c, batch, func(b *Batch) bool {
		for i := range b.Index {
			position := step*uint64(batch) + uint64(i)
			epoch, at := position/n, position%n
			b.Index[i] = int32(at)
			if c.Shuffle {
				if orderOf != epoch {
					order, orderOf = rng.New(seed, rng.Shuffle, 0, uint32(epoch)).Permutation(int(n)), epoch
				}
				b.Index[i] = order[at]
			}
			b.Labels[i] = set.labels[b.Index[i]]
			aug.at(uint32(epoch), b.Index[i]).put(b.Draws, i)
		}
		step++
		b.Valid, b.View = batch, 0
		b.Epoch = float64(step) * float64(batch) / float64(n)
		return true
	})
}

// NewEvalLoader gives every image once, in order, then io.EOF. views is 1 for the centre, or 10: then the same images
// come ten times in a row, Batch.View telling which crop it is. The last batch may have fewer Valid rows.
func NewEvalLoader(set *Set, c Config, batch, views int) *Loader {
	if views != 1 && views != 10 {
		return &Loader{err: fmt.Errorf("%d views: want 1 or 10", views)}
	}
	aug := newAugmenter(set, c, 0)
	draws := aug.views(views)
	first, view := 0, 0
	return newLoader(set, c, batch, func(b *Batch) bool {
		if first >= set.Len() {
			return false
		}
		b.Valid, b.View = min(batch, set.Len()-first), view
		b.Epoch = float64(first+b.Valid) / float64(set.Len())
		for i := range b.Index {
			b.Index[i] = int32(first)
			if i < b.Valid {
				b.Index[i] += int32(i)
			}
			b.Labels[i] = set.labels[b.Index[i]]
			draws[view].put(b.Draws, i)
		}
		if view++; view == views {
			first, view = first+batch, 0
		}
		return true
	})
}

func newLoader(set *Set, c Config, batch int, plan planner) *Loader {
	if err := checkLoader(set, c, batch); err != nil {
		return &Loader{err: err}
	}
	// One batch is with the caller and one is being filled, besides those that are ready.
	ring := c.Prefetch + 2
	ctx, stop := context.WithCancel(context.Background())
	l := &Loader{set: set, stop: stop, done: ctx.Done(),
		free: make(chan *Batch, ring), work: make(chan *Batch, ring), queue: make(chan *Batch, ring)}
	for range ring {
		l.free <- &Batch{
			Images: make([]uint8, batch*set.Height()*set.Width()*3),
			Labels: make([]int32, batch),
			Draws:  make([]float32, batch*DrawWidth),
			Index:  make([]int32, batch),
			filled: make(chan struct{}, 1),
		}
	}
	l.wait.Go(func() { l.plan(plan) })
	for range min(workerCount(c.Workers), ring) {
		l.wait.Go(l.fill)
	}
	return l
}

func checkLoader(set *Set, c Config, batch int) error {
	if batch < 1 || batch > 1<<20 {
		return fmt.Errorf("batch of %d images: want 1 to %d", batch, 1<<20)
	}
	if c.Prefetch < 0 || c.Crop < 1 || c.Pad < 0 {
		return fmt.Errorf("data.prefetch = %d, data.crop = %d, data.pad = %d: want at least 0, 1 and 0", c.Prefetch, c.Crop, c.Pad)
	}
	return c.Fits(set)
}

// plan hands out the batches in order. Closing queue tells Next that there are no more.
func (l *Loader) plan(plan planner) {
	defer close(l.queue)
	defer close(l.work)
	for {
		select {
		case b := <-l.free:
			if !plan(b) {
				return
			}
			l.queue <- b // these have room for the whole ring
			l.work <- b
		case <-l.done:
			return
		}
	}
}

// fill copies the images of planned batches.
func (l *Loader) fill() {
	for b := range l.work {
		size := len(b.Images) / len(b.Index)
		for i, image := range b.Index {
			copy(b.Images[i*size:(i+1)*size], l.set.Image(int(image)))
		}
		b.filled <- struct{}{}
	}
}

// Next waits for the next batch. io.EOF ends an evaluation; ctx may end the wait.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	if l.err != nil {
		return nil, l.err
	}
	if l.inHand == cap(l.free) {
		return nil, fmt.Errorf("all %d batches of the loader are in use: release one before the next", l.inHand)
	}
	select {
	case b, ok := <-l.queue:
		if !ok {
			return nil, l.ending()
		}
		// Filling is a copy that nothing holds up, so this wait is short and needs no ctx.
		<-b.filled
		b.out = true
		l.inHand++
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ending is why there are no more batches.
func (l *Loader) ending() error {
	select {
	case <-l.done:
		return ErrClosed
	default:
		return io.EOF
	}
}

// Release gives a batch back to be filled again.
func (l *Loader) Release(b *Batch) {
	if !b.out {
		panic("dataloader: batch released twice")
	}
	b.out = false
	l.inHand--
	l.free <- b
}

// Close stops the background work and waits for it. The set may be closed afterwards.
func (l *Loader) Close() error {
	if l.stop != nil {
		l.stop()
		l.wait.Wait()
	}
	if l.err == nil {
		l.err = ErrClosed
	}
	return nil
}
