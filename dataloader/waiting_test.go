package dataloader

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	std "testing" // testing is a planner
	"testing/synctest"
	"time"

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// plain is a split of a set of one pixel an image, of so many.
func plain(t *std.T, images int) *packed.Set {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "set")
	o := prepare.Options{Settings: prepare.Settings{Size: 1},
		Generated: generated.Options{Classes: 2, Train: images, Size: 8}}
	if _, err := prepare.Run(context.Background(), []string{"generated"}, dir, o); err != nil {
		t.Fatal(err)
	}
	s, err := packed.Open(dir, packed.Train)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A slow planner plans when it may, and notes what it is asked about batches ahead.
type slow struct {
	may   chan bool // whether there is another batch
	ahead []int
}

func (p *slow) plan(b *Batch) bool {
	b.Valid = len(b.Index)
	return <-p.may
}

func (p *slow) upcoming(ahead int, index []int32) []int32 {
	p.ahead = append(p.ahead, ahead)
	return index
}

// An ended context says so when it is waited for, and not when it is asked at first.
type ended struct {
	context.Context
	asked int
}

func (e *ended) Err() error {
	if e.asked++; e.asked == 1 {
		return nil
	}
	return context.Canceled
}

// Waiting for a batch ends with its context; the batch is there for the next one that asks.
func TestWaitEnds(t *std.T) {
	c := Default()
	c.Crop, c.Prefetch = 1, 0
	p := &slow{may: make(chan bool)}
	l := newLoader(plain(t, 4), nil, c, 2, DrawWidth, nil, p)
	defer l.Close()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if b, err := l.Next(&ended{Context: canceled}); b != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: %v, error %v", b, err)
	}
	p.may <- true
	if b, err := l.Next(canceled); b != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v, error %v", b, err)
	}
	if b, err := l.Next(context.Background()); err != nil || b.Valid != 2 {
		t.Errorf("the batch: %v, error %v", b, err)
	}
	p.may <- false
	for range 2 {
		if b, err := l.Next(context.Background()); b != nil || err != io.EOF {
			t.Errorf("in the end: %v, error %v", b, err)
		}
	}
	if n := l.Counters(); n.Batches != 1 || n.Ready > 1 {
		t.Errorf("%+v", n)
	}
}

// A sleepy planner takes a second for a batch.
type sleepy struct{ slow }

func (p *sleepy) plan(b *Batch) bool {
	time.Sleep(time.Second)
	return p.slow.plan(b)
}

// The time that batches are waited for is counted, of all of them, and of those that were ready none.
func TestWaited(t *std.T) {
	set := plain(t, 4)
	synctest.Test(t, func(t *std.T) {
		c := Default()
		c.Crop, c.Prefetch, c.Workers = 1, 1, 2
		p := &sleepy{slow{may: make(chan bool, 5)}}
		for range cap(p.may) {
			p.may <- true
		}
		l := newLoader(set, nil, c, 2, DrawWidth, nil, p)
		for n, want := range []Counters{{1, 0, time.Second}, {2, 0, 2 * time.Second}, {3, 1, 2 * time.Second}} {
			if n == 2 {
				time.Sleep(2 * time.Second) // until the third is there
			}
			b, err := l.Next(context.Background())
			if err != nil || l.Counters() != want {
				t.Errorf("batch %d: %+v, error %v, want %+v", n, l.Counters(), err, want)
			}
			if err := l.Release(b); err != nil {
				t.Error(err)
			}
		}
		close(p.may) // says that there are no more
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The system is asked for the images of each batch once, as far ahead as is asked for.
func TestReadAhead(t *std.T) {
	for batches, want := range map[int][]int{0: nil, 1: {0, 1, 1, 1}, 3: {0, 1, 2, 3, 3, 3}} {
		p := &slow{}
		h := readAhead{set: plain(t, 4), planner: p, batches: batches}
		for range 3 {
			h.advance(2)
		}
		if !slices.Equal(p.ahead, want) {
			t.Errorf("%d batches ahead: asked %v, want %v", batches, p.ahead, want)
		}
	}
}

// The copies that a feed is compared with are of whole images, one after the other of an order, over its border too.
func TestCopies(t *std.T) {
	const images, bytes, batch = 5, 7, 3
	c := newCopies(images, bytes, batch)
	if len(c.from) != images*bytes || len(c.to) != defaultPrefetch+2 || len(c.order) != images {
		t.Fatalf("%d bytes, %d batches, %d in order", len(c.from), len(c.to), len(c.order))
	}
	for i, v := range c.from {
		if v != uint8(i) {
			t.Fatalf("byte %d is %d", i, v)
		}
	}
	for n := range 12 {
		if err := c.run(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		for i := range batch {
			image := int(c.order[(n*batch+i)%images])
			if got := c.to[n%len(c.to)][i*bytes : (i+1)*bytes]; !slices.Equal(got, c.from[image*bytes:(image+1)*bytes]) {
				t.Errorf("batch %d, row %d: %v, want image %d", n, i, got, image)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.run(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: error %v", err)
	}
}

func TestMiddle(t *std.T) {
	for want, xs := range map[float64][]float64{3: {3}, 4: {4, 1}, 5: {9, 5, 1}, 6: {6, 1, 7, 2}} {
		if got := middle(xs); got != want {
			t.Errorf("the middle of %v is %v, want %v", xs, got, want)
		}
	}
}
