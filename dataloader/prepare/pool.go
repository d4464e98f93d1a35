package prepare

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/source"
)

// Bounds on what is in memory at once.
const (
	encodedBytes = 96 << 20 // of files that are on their way: with more, no further one is begun
	windowBytes  = 64 << 20 // of decoded images that wait for earlier ones, beyond one for each worker
	largePixels  = 16 << 20 // images larger than this are decoded one at a time
	keptBytes    = 4 << 20  // a larger buffer is not kept for the next image
)

// A task is an image on its way from the source to its shard.
type task struct {
	number int // in the order of reading
	item   int
	fetch  source.Fetch

	file     []byte // scratch for the encoded file
	pixels   []byte // [size,size,3]
	stored   []byte // pixels, or their JPEG file
	flags    picture.Flags
	products products
	bytes    int64 // of the file, as it was listed
	cause    error // why it is rejected
	lost     error // why nothing can be said of it, nor perhaps of others
}

// A pool decodes on many goroutines, and hands the results on in the order of reading.
type pool struct {
	layout  packed.Layout
	picture picture.Options
	quality int
	workers int
	size    func(item int) int64 // of an item's file

	mutex    sync.Mutex
	room     sync.Cond  // of mutex: inFlight has become less
	inFlight int64      // bytes of encoded files
	large    sync.Mutex // held while a large image is decoded
}

// enter waits until there is room for another file. A file that is larger than all the room goes alone.
func (p *pool) enter(bytes int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for p.inFlight > 0 && p.inFlight+bytes > encodedBytes {
		p.room.Wait()
	}
	p.inFlight += bytes
}

func (p *pool) leave(bytes int64) {
	p.mutex.Lock()
	p.inFlight -= bytes
	p.mutex.Unlock()
	p.room.Broadcast()
}

// window is how many images may be on their way: enough that the workers do not wait for a slow one.
func (p *pool) window() int {
	return min(4*p.workers+2, p.workers+1+windowBytes/p.layout.Pixels())
}

// run reads the wanted items, decodes them, and gives them to take in the order of reading, from one goroutine. The
// first error of reading or of take ends it.
func (p *pool) run(ctx context.Context, src source.Source, want func(item int) bool, take func(*task) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.room.L = &p.mutex
	window := p.window()
	free, jobs, results := make(chan *task, window), make(chan *task), make(chan *task, window)
	for range window {
		free <- &task{pixels: make([]byte, p.layout.Pixels())}
	}
	var decoders, collector sync.WaitGroup
	for range p.workers {
		d, err := picture.New(p.picture)
		if err != nil {
			cancel(err)
			break
		}
		decoders.Go(func() {
			defer d.Close()
			for t := range jobs {
				p.decode(d, t)
				results <- t
			}
		})
	}
	collector.Go(func() {
		waiting := make([]*task, window)
		next := 0
		for t := range results {
			waiting[t.number%window] = t
			for t := waiting[next%window]; t != nil; t = waiting[next%window] {
				waiting[next%window] = nil
				next++
				if ctx.Err() == nil {
					if err := take(t); err != nil {
						cancel(err)
					}
				}
				free <- t
			}
		}
	})
	read := 0
	err := src.Read(ctx, want, func(item int, fetch source.Fetch) error {
		select {
		case t := <-free:
			t.number, t.item, t.fetch, t.bytes = read, item, fetch, p.size(item)
			read++
			p.enter(t.bytes) // decoders go on whatever happens, and leave
			select {
			case jobs <- t:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(jobs)
	decoders.Wait()
	close(results)
	collector.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// decode turns the task's item into what is stored. A decoder that panics costs one image, not hours of work.
func (p *pool) decode(d *picture.Decoder, t *task) {
	defer func() {
		if e := recover(); e != nil {
			t.cause = fmt.Errorf("the decoder panicked: %v", e)
		}
	}()
	defer p.leave(t.bytes)
	t.flags, t.stored, t.cause, t.lost = 0, nil, nil, nil
	content, err := t.fetch(t.file)
	t.fetch = nil
	if errors.Is(err, source.ErrLost) {
		t.lost = fmt.Errorf("%w: %w", err, source.ErrLost)
		return
	}
	if err == nil {
		err = p.fit(d, t, content)
	}
	t.file = content.Encoded[:0]
	if m, is := content.Image.(*picture.RGB); is {
		t.file = m.Pix[:0]
	}
	if cap(t.file) > keptBytes {
		t.file = nil
	}
	if errors.Is(err, picture.ErrMemory) {
		t.lost = err
		return
	}
	if err != nil {
		t.cause = err
		return
	}
	t.products = productsOf(t.pixels)
	t.stored = t.pixels
	if p.layout.Codec == packed.JPEG {
		t.stored, t.lost = picture.EncodeJPEG(t.pixels, p.layout.Width, p.quality)
	}
}

func (p *pool) fit(d *picture.Decoder, t *task, content source.Content) (err error) {
	if content.Image != nil {
		return d.Fit(t.pixels, content.Image)
	}
	if w, h, err := picture.Bounds(content.Encoded); err == nil && w*h > largePixels {
		p.large.Lock()
		defer p.large.Unlock()
	}
	t.flags, err = d.Decode(t.pixels, content.Encoded)
	return err
}
