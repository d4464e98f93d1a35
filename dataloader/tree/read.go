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

// Close ends the use of a tree's archives; a later read opens them again.
func (t *Tree) Close() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, f := range t.handles {
		f.Close()
	}
	t.handles = nil
}

// handle opens an archive, or takes the one that is open. done ends its use.
func (t *Tree) handle(in uint16) (f *os.File, done func(), err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if f := t.handles[in]; f != nil {
		return f, func() {}, nil
	}
	if f, err = os.Open(t.containers[in].path); err != nil {
		return nil, nil, err
	}
	if len(t.handles) >= maxHandles {
		return f, func() { f.Close() }, nil
	}
	if t.handles == nil {
		t.handles = map[uint16]*os.File{}
	}
	t.handles[in] = f
	return f, func() {}, nil
}

type reader struct {
	io.Reader
	close func()
}

func (r reader) Close() error {
	r.close()
	return nil
}

// Open reads a file of a container that is not streamed. It may be called from many goroutines.
func (t *Tree) Open(e *Entry) (io.ReadCloser, error) {
	c := t.containers[e.In]
	if c.kind == inFolder {
		return os.Open(filepath.Join(c.path, filepath.FromSlash(strings.TrimPrefix(e.Name, c.prefix))))
	}
	f, done, err := t.handle(e.In)
	if err != nil {
		return nil, err
	}
	if c.kind == inZip {
		r := c.members[e.At].reader(f, e.Size)
		return reader{r, func() { r.close(); done() }}, nil
	}
	return reader{io.NewSectionReader(f, e.At, e.Size), done}, nil
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
		b.Grow(int(min(max(size-maxClaim, 0), MaxFileBytes)) + bytes.MinRead)
		ended, err = read(MaxFileBytes + 1)
	}
	switch {
	case err != nil:
		return nil, false, fileError(err)
	case !ended:
		return nil, false, errors.New(TooLarge(int64(b.Len())))
	}
	return b.Bytes(), true, nil
}

// fileError is an error of one file without its path. What the system says is a matter of the source, but for a file
// that this user may not read.
func fileError(err error) error {
	if number, is := errors.AsType[syscall.Errno](err); is && number != syscall.EACCES && number != syscall.EPERM {
		return &lostError{causeOf(err)}
	}
	return errors.New(causeOf(err))
}

// errEnough ends a visit.
var errEnough = errors.New("nothing more is wanted")

// Stream reads files of a streamed container as they pass: want, and what next gives, in the order of their places,
// those that are links to one file one after the other. It ends with the first that lies elsewhere, or none, which it
// returns. read is given each, again for one at the place of the last.
func (t *Tree) Stream(ctx context.Context, want *Entry, next func() *Entry,
	read func(e *Entry, r io.Reader, again bool) error) (*Entry, error) {
	in := want.In
	w := &walker{Tree: t, ctx: ctx, visit: func(f found, r io.Reader) error {
		for again := false; f.At == want.At && f.Kind != Folder; again = true {
			if f.Name != want.Name && f.Name != t.targets[want.Name] || f.Size != want.Size {
				return fmt.Errorf("has changed since it was listed: %s is now %s", want.Name, f.Name)
			}
			if err := read(want, r, again); err != nil {
				return err
			}
			if want = next(); want == nil || want.In != in {
				return errEnough
			}
		}
		return nil
	}}
	err := w.again(in)
	switch {
	case err == errEnough:
		return want, nil
	case err == nil:
		err = fmt.Errorf("has changed since it was listed: %s is not there", want.Name)
	}
	return nil, under(t.containers[in].path, err)
}
