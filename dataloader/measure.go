package dataloader

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"duet/dataloader/packed"
	"duet/internal/rng"
)

// FeedSpeed is how fast a loader brings images into batches when nothing else is done.
type FeedSpeed struct {
	// of the first epoch, which reads from disk what is not in memory yet
	FirstPerSecond  float64 `json:"first_images_per_second"`
	ImagesPerSecond float64 `json:"images_per_second"`
	BytesPerSecond  float64 `json:"bytes_per_second"` // of pixels
	// of plain copies of as many bytes on all cores, in the same order: the limit
	CopyPerSecond float64 `json:"copy_bytes_per_second"`
	Share         float64 `json:"share"` // of that limit, the median over the rounds
	Batch         int     `json:"batch"`
	Rounds        int     `json:"rounds"`
}

// The times that a measurement takes: long enough to be steady, and bounded where an epoch is of a set larger than
// memory.
const (
	firstSeconds = 60 // of the first epoch, at most
	roundSeconds = 10 // of a round of an epoch, at most
)

// MeasureFeed takes batches from a loader of the set, at first an epoch so that what fits in memory is there, and then
// in rounds, of an epoch and of at least a second each, in turn with plain copies of as many bytes from memory to
// memory. Of a large set it takes less than epochs: a minute's worth at first, and ten seconds' worth a round.
// progress, unless nil, is told how many rounds are done, at first none.
func MeasureFeed(ctx context.Context, set *packed.Set, c Config, batch, rounds int,
	progress func(done, total int)) (s FeedSpeed, err error) {
	l := NewTrainLoader(set, c, batch, 1, 0, nil)
	defer func() {
		if e := l.Close(); err == nil {
			err = e
		}
	}()
	if l.err != nil {
		return s, l.err
	}
	took := func(f func() error) (seconds float64, err error) {
		began := time.Now()
		err = f()
		return time.Since(began).Seconds(), err
	}
	take := func(n int) error {
		for range n {
			b, err := l.Next(ctx)
			if err != nil {
				return err
			}
			if err := l.Release(b); err != nil {
				return err
			}
		}
		return nil
	}
	if progress != nil {
		progress(0, rounds)
	}
	epoch, taken, seconds := (set.Len()+batch-1)/batch, 0, 0.0
	for taken < epoch && seconds < firstSeconds {
		n := min(1+epoch/100, epoch-taken)
		t, err := took(func() error { return take(n) })
		if err != nil {
			return s, err
		}
		taken, seconds = taken+n, seconds+t
	}
	rate := float64(taken) / seconds
	steps := max(1+int(rate), min(epoch, 1+int(rate*roundSeconds)))
	copies := newCopies(set.Len(), set.Index.Pixels(), batch)
	bytes := float64(batch) * float64(set.Index.Pixels()) * float64(steps)
	var fed, copied, share []float64
	for round := range rounds {
		a, err := took(func() error { return take(steps) })
		if err != nil {
			return s, err
		}
		b, err := took(func() error { return copies.run(ctx, steps) })
		if err != nil {
			return s, err
		}
		fed, copied, share = append(fed, bytes/a), append(copied, bytes/b), append(share, b/a)
		if progress != nil {
			progress(round+1, rounds)
		}
	}
	s = FeedSpeed{FirstPerSecond: rate * float64(batch), BytesPerSecond: middle(fed), CopyPerSecond: middle(copied),
		Share: middle(share), Batch: batch, Rounds: rounds}
	s.ImagesPerSecond = s.BytesPerSecond / float64(set.Index.Pixels())
	return s, nil
}

// middle is the median of an odd number of values, or the upper one of the two in the middle.
func middle(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// copies are plain copies between arrays: what a loader does, without a loader.
type copies struct {
	from  []byte
	to    [][]byte
	order []int32
	bytes int // of an image
	batch int
	done  int
}

// copiedImages bounds the memory that is copied from; it is more than any cache holds.
const copiedImages = 1 << 30

func newCopies(images, bytes, batch int) *copies {
	images = max(min(images, copiedImages/bytes), 1)
	c := &copies{from: make([]byte, images*bytes), bytes: bytes, batch: batch,
		order: rng.New(1, rng.Shuffle, 0, 0).Permutation(images)}
	for i := range c.from {
		c.from[i] = uint8(i)
	}
	for range defaultPrefetch + 2 {
		c.to = append(c.to, make([]byte, batch*bytes))
	}
	return c
}

// run copies some batches' worth of images.
func (c *copies) run(ctx context.Context, batches int) error {
	workers := min(runtime.GOMAXPROCS(0), c.batch)
	for range batches {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := c.to[c.done%len(c.to)]
		var wait sync.WaitGroup
		for w := range workers {
			wait.Go(func() {
				for i := w * c.batch / workers; i < (w+1)*c.batch/workers; i++ {
					image := int(c.order[(c.done*c.batch+i)%len(c.order)])
					copy(to[i*c.bytes:(i+1)*c.bytes], c.from[image*c.bytes:(image+1)*c.bytes])
				}
			})
		}
		wait.Wait()
		c.done++
	}
	return nil
}
