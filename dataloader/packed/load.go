package packed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// Load reads all stored images into memory that the set owns, on all cores, instead of the mapping, and compares them
// with their checksums. It is refused when the machine, or the container, has less memory left than that. progress, if
// any, is told how many bytes of how many are read.
func (s *Set) Load(ctx context.Context, progress func(done, total int64)) error {
	total := s.Bytes()
	if free, known := AvailableMemory(); known && total > free {
		return fmt.Errorf("%s, split %s: %d MiB of images do not fit in the %d MiB of memory that are left: leave them "+
			"mapped (cache = \"mmap\")",
			s.dir, s.split, total>>20, free>>20)
	}
	work := make(chan *shard)
	var mutex sync.Mutex
	var errs []error
	done := int64(0)
	count := func(bytes int) error {
		mutex.Lock()
		defer mutex.Unlock()
		if done += int64(bytes); progress != nil {
			progress(done, total)
		}
		return ctx.Err()
	}
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for h := range work {
				if err := h.load(count); err != nil {
					mutex.Lock()
					errs = append(errs, err)
					mutex.Unlock()
				}
			}
		})
	}
	for i := range s.shards {
		if s.shards[i].mapped {
			work <- &s.shards[i]
		}
	}
	close(work)
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

func (h *shard) load(count func(bytes int) error) error {
	f, err := openSummed(h.path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, free, err := memory(int64(len(h.data)))
	if err != nil {
		return fmt.Errorf("%s: %w", h.path, err)
	}
	if err = h.fill(data, f, count); err == nil {
		err = h.close()
	}
	if err != nil {
		return errors.Join(err, free())
	}
	h.data, h.release, h.mapped = data, free, false
	return nil
}

// fill reads all of the shard's file, of which data follows the header.
func (h *shard) fill(data []byte, f *summedFile, count func(bytes int) error) error {
	if _, err := io.ReadFull(f, make([]byte, h.start)); err != nil {
		return fmt.Errorf("%s: %w", h.path, err)
	}
	const step = 8 << 20
	for at := 0; at < len(data); at += step {
		part := data[at:min(at+step, len(data))]
		if n, err := io.ReadFull(f, part); err != nil {
			return fmt.Errorf("%s: %d bytes, want %d: it was cut after it had been opened: %w", h.path, h.start+int64(at+n),
				h.start+int64(len(data)), err)
		}
		if err := count(len(part)); err != nil {
			return err
		}
	}
	return recorded{h.path, h.crc}.same(f.crc)
}
