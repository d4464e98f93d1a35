package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"duet/dataloader/picture"
)

func (s *files) Read(ctx context.Context, want func(int) bool, emit func(int, Fetch) error) error {
	if s.listing == nil {
		return errNotListed
	}
	if want == nil {
		want = func(int) bool { return true }
	}
	if s.raw != nil {
		return s.readRaw(ctx, want, emit)
	}
	return s.readFiles(ctx, want, emit)
}

func (s *files) Unchanged() error {
	for _, c := range s.containers {
		if c.kind == inFolder {
			continue
		}
		info, err := os.Stat(c.path)
		if err != nil {
			return fmt.Errorf("%w: %w", err, ErrLost)
		}
		if info.Size() != c.size || info.ModTime().UnixNano() != c.time {
			return fmt.Errorf("%s has changed since it was listed", c.path)
		}
	}
	return nil
}

func (s *files) readFiles(ctx context.Context, want func(int) bool, emit func(int, Fetch) error) error {
	items := s.listing.Items
	for i := 0; i < len(items); {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.streamed(items[i].in) {
			last := i
			for last < len(items) && items[last].in == items[i].in {
				last++
			}
			if err := s.readStream(ctx, i, last, want, emit); err != nil {
				return withPath(s.containers[items[i].in].path, err)
			}
			i = last
			continue
		}
		if want(i) {
			if err := emit(i, s.fetch(items[i].entry())); err != nil {
				return err
			}
		}
		i++
	}
	return nil
}

// fetch reads one file when it is asked to.
func (s *files) fetch(e entry) Fetch {
	return func(buf []byte) (Content, error) {
		r, err := s.open(e)
		if err != nil {
			return Content{}, itemError(err)
		}
		defer r.Close()
		data, whole, err := readAll(r, e.size, buf)
		if n := int64(len(data)); err == nil && whole && n < e.size && s.containers[e.in].kind != inZip {
			err = &lostError{fmt.Sprintf("%d bytes, but %d when it was listed", n, e.size)}
		}
		return Content{Encoded: data}, err
	}
}

// readAll reads an image into buf, or into a new buffer when it is too small. size is what it claims: no more than maxClaim
// is believed before so many bytes are there. Of a file that does not begin as an image, only its first bytes are read,
// which tell what it is; whole is false then.
func readAll(r io.Reader, size int64, buf []byte) (data []byte, whole bool, err error) {
	b := bytes.NewBuffer(buf[:0])
	b.Grow(int(min(size, maxClaim)) + bytes.MinRead)
	read := func(until int64) (ended bool, err error) {
		_, err = b.ReadFrom(io.LimitReader(r, until-int64(b.Len())))
		return int64(b.Len()) < until, err
	}
	ended, err := read(lookBytes)
	if err == nil && !ended && picture.Format(b.Bytes()) == "" {
		return b.Bytes(), false, nil
	}
	if err == nil && !ended {
		ended, err = read(maxClaim)
	}
	if err == nil && !ended {
		b.Grow(int(min(max(size-maxClaim, 0), maxFileBytes)) + bytes.MinRead)
		ended, err = read(maxFileBytes + 1)
	}
	switch {
	case err != nil:
		return nil, false, itemError(err)
	case !ended:
		return nil, false, errors.New(tooLarge(int64(b.Len())))
	}
	return b.Bytes(), true, nil
}

// lookBytes are enough to tell what a file is.
const lookBytes = 4 << 10

// ErrLost is among the errors of a Fetch when it is not the item that is at fault: its file is gone or shorter than when it
// was listed, or the system cannot read it. Then nothing can be said of the item, and others will fare likewise.
var ErrLost = errors.New("the source has changed since it was listed, or cannot be read")

type lostError struct{ cause string }

func (e *lostError) Error() string        { return e.cause }
func (e *lostError) Is(target error) bool { return target == ErrLost }

// itemError is an error of one file without its path. What the system says is a matter of the source, but for a file that
// this user may not read.
func itemError(err error) error {
	if number, is := errors.AsType[syscall.Errno](err); is && number != syscall.EACCES && number != syscall.EPERM {
		return &lostError{causeOf(err)}
	}
	return errors.New(causeOf(err))
}

// errEnough ends a visit of a stream.
var errEnough = errors.New("nothing more is wanted")

// readStream emits the items first to last-1, which are those of one stream, as they pass.
func (s *files) readStream(ctx context.Context, first, last int, want func(int) bool, emit func(int, Fetch) error) error {
	items := s.listing.Items
	next := first
	skip := func() {
		for next < last && !want(next) {
			next++
		}
	}
	if skip(); next == last {
		return nil
	}
	w := &walker{containers: s.containers, visit: func(e entry, r io.Reader) error {
		if e.at != items[next].at || e.dir {
			return nil
		}
		data, _, err := readAll(r, e.size, nil)
		if err != nil {
			return fmt.Errorf("damaged archive: %s: %w", e.path, err)
		}
		for ; next < last && items[next].at == e.at; skip() { // its own, and those that are links to it
			it := items[next]
			if e.path != it.Name && e.path != s.targets[it.Name] || e.size != it.size {
				return fmt.Errorf("has changed since it was listed: %s is now %s", it.Name, e.path)
			}
			if err := emit(next, func([]byte) (Content, error) { return Content{Encoded: data}, nil }); err != nil {
				return err
			}
			next++
		}
		if next == last {
			return errEnough
		}
		return nil
	}}
	err := w.again(ctx, items[first].in)
	if err == nil {
		return fmt.Errorf("has changed since it was listed: %s is not there", items[next].Name)
	}
	if err == errEnough {
		return nil
	}
	return err
}
