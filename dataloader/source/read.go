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
	i := -1
	next := func() *tree.Entry {
		for i++; i < len(s.listing.Items); i++ {
			if want(i) {
				return s.listing.Items[i].Entry
			}
		}
		return nil
	}
	return s.tree.Each(ctx, next, func(e *tree.Entry, r io.Reader) error {
		if r == nil {
			return emit(i, func(buf []byte) (Content, error) {
				data, err := s.tree.Image(e, buf)
				return Content{Encoded: data}, err
			})
		}
		data, _, err := tree.ReadImage(r, e.Size, nil)
		if err != nil {
			return fmt.Errorf("damaged archive: %s: %w", e.Name, err)
		}
		return emit(i, func([]byte) (Content, error) { return Content{Encoded: data}, nil })
	})
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
	return s.tree.Each(ctx, next, func(e *tree.Entry, r io.Reader) error {
		if r == nil {
			f, err := s.tree.Open(e)
			if err != nil {
				return err
			}
			defer f.Close()
			r = f
		}
		first := arrays[i].First
		if err := arrays[i].Images(r, func(k int, m image.Image) error {
			if err := ctx.Err(); err != nil || !want(first+k) {
				return err
			}
			return emit(first+k, func([]byte) (Content, error) { return Content{Image: m}, nil })
		}); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		return nil
	})
}

func (s *files) Unchanged() error {
	if s.tree == nil {
		return nil
	}
	return s.tree.Unchanged()
}

func (s *files) Close() error { return nil }
