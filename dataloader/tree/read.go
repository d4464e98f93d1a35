package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"duet/dataloader/picture"
)

// ErrLost is among the errors of reading a file when it is not the file that is at fault: it is gone or shorter than
// when it was listed, or the system cannot read it. Then nothing can be said of it, and others will fare likewise.
var ErrLost = errors.New("the source has changed since it was listed, or cannot be read")

type lostError struct{ cause string }

func (e *lostError) Error() string        { return e.cause }
func (e *lostError) Is(target error) bool { return target == ErrLost }

// Unchanged is an error when an archive is not what it was when it was listed. It is an ErrLost when that cannot be
// told.
func (t *Tree) Unchanged() error {
	for _, c := range t.containers {
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

// Open reads a file of a container that is not streamed. It may be called from many goroutines.
func (t *Tree) Open(e *Entry) (io.ReadCloser, error) {
	c := t.containers[e.In]
	if c.kind == inFolder {
		return os.Open(filepath.Join(c.path, filepath.FromSlash(strings.TrimPrefix(e.Name, c.prefix))))
	}
	f, err := os.Open(c.path)
	if err != nil {
		return nil, err
	}
	var r io.Reader = io.NewSectionReader(f, e.At, e.Size)
	if c.kind == inZip {
		r = c.members[e.At].reader(f, e.Size)
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

// Image reads an image as ReadImage does. An error without ErrLost is the image's own.
func (t *Tree) Image(e *Entry, buf []byte) ([]byte, error) {
	r, err := t.Open(e)
	if err != nil {
		return nil, fileError(err)
	}
	defer r.Close()
	data, whole, err := ReadImage(r, e.Size, buf)
	if n := int64(len(data)); err == nil && whole && n < e.Size && t.containers[e.In].kind != inZip {
		err = &lostError{fmt.Sprintf("%d bytes, but %d when it was listed", n, e.Size)}
	}
	return data, err
}

// lookBytes are enough to tell what a file is.
const lookBytes = 4 << 10

// ReadImage reads an image into buf, or into a new buffer when it is too small. size is what it claims: no more than
// maxClaim is believed before so many bytes are there. Of a file that does not begin as an image, only its first bytes
// are read, which tell what it is; whole is false then.
func ReadImage(r io.Reader, size int64, buf []byte) (data []byte, whole bool, err error) {
	b := bytes.NewBuffer(buf[:0])
	b.Grow(int(min(size, maxClaim)) + bytes.MinRead)
	for _, until := range []int64{lookBytes, maxClaim, MaxFileBytes + 1} {
		if until > maxClaim {
			b.Grow(int(min(max(size-maxClaim, 0), MaxFileBytes)) + bytes.MinRead)
		}
		_, err := b.ReadFrom(io.LimitReader(r, until-int64(b.Len())))
		switch {
		case err != nil:
			return nil, false, fileError(err)
		case int64(b.Len()) < until:
			return b.Bytes(), true, nil
		case until == lookBytes && picture.Format(b.Bytes()) == "":
			return b.Bytes(), false, nil
		}
	}
	return nil, false, errors.New(TooLarge(int64(b.Len())))
}

// fileError is an error of one file without its path. What the system says is a matter of the source, but for a file
// that this user may not read.
func fileError(err error) error {
	if number, is := errors.AsType[syscall.Errno](err); is && number != syscall.EACCES && number != syscall.EPERM {
		return &lostError{causeOf(err)}
	}
	return errors.New(causeOf(err))
}

// Each gives read the entries that next gives, until it gives nil. Those of a streamed container come in the order of
// their places, and with a reader; others are for Open.
func (t *Tree) Each(ctx context.Context, next func() *Entry, read func(e *Entry, r io.Reader) error) error {
	for e := next(); e != nil; {
		err := ctx.Err()
		switch {
		case err != nil:
		case t.Streamed(e.In):
			e, err = t.passing(ctx, e, next, read)
		default:
			if err = read(e, nil); err == nil {
				e = next()
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// passing reads what is wanted of a streamed container as it passes. It ends with the first that lies elsewhere, or
// none, which it returns.
func (t *Tree) passing(ctx context.Context, want *Entry, next func() *Entry,
	read func(e *Entry, r io.Reader) error) (*Entry, error) {
	in := want.In
	changed := func() error { return fmt.Errorf("has changed since it was listed: %s is not there", want.Name) }
	w := &walker{Tree: t, ctx: ctx, hiddenSeen: map[string]bool{}, visit: func(f found, r io.Reader) error {
		if f.At < want.At {
			return nil
		}
		if f.At > want.At || f.Name != want.Name || f.Size != want.Size {
			return changed()
		}
		if err := read(want, r); err != nil {
			return err
		}
		if want = next(); want == nil || want.In != in {
			return errEnough
		}
		return nil
	}}
	err := w.again(in)
	switch {
	case err == errEnough:
		return want, nil
	case err == nil:
		err = changed()
	}
	return nil, fmt.Errorf("%s: %w", t.containers[in].path, err)
}

// errEnough ends a visit.
var errEnough = errors.New("nothing more is wanted")
