package source

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"
)

// A raw format has files of many images each, as plain pixels.
type raw interface {
	// look is shown every file, and reads from r what it needs to know; mine: it is of this format.
	look(e entry, r io.Reader) (mine bool, err error)
	// any reports whether a file of this format was seen.
	any() bool
	fmt.Stringer
	// listing is what was found, but for items and their order; nil when there is nothing.
	listing() (*Listing, []*array, error)
	// records emits the images of one array.
	records(a *array, r io.Reader, emit func(k int, m image.Image) error) error
}

// An array is a file of images with their labels.
type array struct {
	entry
	val    bool
	labels []int32
	width  int
	height int
	fine   bool // CIFAR-100
	first  int  // item
}

// rawListing is the listing of the raw format whose name begins so. Its items are in the order of the files: training
// first, and by name unless they are in a stream.
func (s *files) rawListing(c *catalog, name string) (*Listing, error) {
	for _, r := range c.raws {
		l, arrays, err := r.listing()
		if err != nil {
			return nil, err
		}
		if l == nil || !strings.HasPrefix(l.Kind, name) {
			continue
		}
		slices.SortStableFunc(arrays, func(a, b *array) int {
			sa, sb := s.streamed(a.in), s.streamed(b.in)
			if sa && sb {
				return cmp.Or(cmp.Compare(a.in, b.in), cmp.Compare(a.at, b.at))
			}
			return cmp.Or(order(sa, sb), order(a.val, b.val), strings.Compare(a.path, b.path))
		})
		var side sideOf
		for _, a := range arrays {
			a.first = len(l.Items)
			for k, label := range a.labels {
				l.Items = append(l.Items, Item{Name: fmt.Sprintf("%s#%d", a.path, k), Label: label, Val: a.val, in: a.in})
			}
			if a.width != a.height || a.width > MaxSide || side.side != 0 && side.side != a.width {
				side.decided = true
			}
			side.side = a.width
		}
		if !side.decided {
			l.Side = side.side
		}
		s.raw, s.arrays = r, arrays
		return l, nil
	}
	return nil, nil
}

// readRaw reads the arrays that hold anything wanted, each from its beginning.
func (s *files) readRaw(ctx context.Context, want func(int) bool, emit func(int, Fetch) error) error {
	read := func(a *array, r io.Reader) error {
		return under(a.path, s.raw.records(a, r, func(k int, m image.Image) error {
			if err := ctx.Err(); err != nil || !want(a.first+k) {
				return err
			}
			return emit(a.first+k, func([]byte) (Content, error) { return Content{Image: m}, nil })
		}))
	}
	wanted := func(a *array) bool {
		for k := range a.labels {
			if want(a.first + k) {
				return true
			}
		}
		return false
	}
	passed := map[uint16]bool{} // streams
	for _, a := range s.arrays {
		if !wanted(a) || passed[a.in] {
			continue
		}
		if !s.streamed(a.in) {
			r, err := s.open(a.entry)
			if err != nil {
				return err
			}
			err = read(a, r)
			r.Close()
			if err != nil {
				return err
			}
			continue
		}
		passed[a.in] = true
		w := &walker{containers: s.containers, visit: func(e entry, r io.Reader) error {
			for _, b := range s.arrays {
				if b.in == e.in && b.at == e.at && !e.dir && wanted(b) {
					if b.path != e.path || b.size != e.size {
						return fmt.Errorf("has changed since it was listed: %s is now %s", b.path, e.path)
					}
					return read(b, r)
				}
			}
			return nil
		}}
		if err := w.again(ctx, a.in); err != nil {
			return withPath(s.containers[a.in].path, err)
		}
	}
	return nil
}
