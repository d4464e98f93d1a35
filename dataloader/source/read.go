package source

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"

	"duet/dataloader/tree"
)

func (s *files) Read(ctx context.Context, want func(int) bool, emit func(int, Fetch) error) error {
	if s.listing == nil {
		return errors.New("source: Read before List")
	}
	if want == nil {
		want = func(int) bool { return true }
	}
	if s.listing.Arrays != nil {
		return s.readArrays(ctx, want, emit)
	}
	items, i := s.listing.Items, -1
	next := func() *tree.Entry {
		for i++; i < len(items); i++ {
			if want(i) {
				return items[i].Entry
			}
		}
		return nil
	}
	var passed []byte // of the stream
	pass := func(e *tree.Entry, r io.Reader, again bool) (err error) {
		if !again {
			if passed, _, err = tree.ReadImage(r, e.Size, nil); err != nil {
				return fmt.Errorf("damaged archive: %s: %w", e.Name, err)
			}
		}
		data := passed
		return emit(i, func([]byte) (Content, error) { return Content{Encoded: data}, nil })
	}
	for e := next(); e != nil; {
		err := ctx.Err()
		switch file := e; {
		case err != nil:
		case s.tree.Streamed(e.In):
			e, err = s.tree.Stream(ctx, e, next, pass)
		default:
			err = emit(i, func(buf []byte) (Content, error) {
				data, err := s.tree.Image(file, buf)
				return Content{Encoded: data}, err
			})
			e = next()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readArrays reads the arrays that hold anything wanted, each from its beginning.
func (s *files) readArrays(ctx context.Context, want func(int) bool, emit func(int, Fetch) error) error {
	arrays, i := s.listing.Arrays, -1
	next := func() *tree.Entry {
		for i++; i < len(arrays); i++ {
			for k := range arrays[i].Count {
				if want(arrays[i].First + k) {
					return arrays[i].Entry
				}
			}
		}
		return nil
	}
	read := func(_ *tree.Entry, r io.Reader, _ bool) error {
		a := &arrays[i]
		if err := a.Images(r, func(k int, m image.Image) error {
			if err := ctx.Err(); err != nil || !want(a.First+k) {
				return err
			}
			return emit(a.First+k, func([]byte) (Content, error) { return Content{Image: m}, nil })
		}); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		return nil
	}
	for e := next(); e != nil; {
		if s.tree.Streamed(e.In) {
			var err error
			if e, err = s.tree.Stream(ctx, e, next, read); err != nil {
				return err
			}
			continue
		}
		r, err := s.tree.Open(e)
		if err != nil {
			return err
		}
		err = read(e, r, false)
		r.Close()
		if err != nil {
			return err
		}
		e = next()
	}
	return nil
}

func (s *files) Unchanged() error {
	if s.tree == nil {
		return nil
	}
	return s.tree.Unchanged()
}

func (s *files) Close() error {
	if s.tree != nil {
		s.tree.Close()
	}
	return nil
}
