package layout

import (
	"cmp"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"

	"duet/dataloader/tree"
)

// An array is a file of many images as plain pixels, with their labels.
type array struct {
	*tree.Entry
	val           bool
	labels        []int32
	width, height int
	read          func(r io.Reader, emit func(k int, m image.Image) error) error
}

// arrayListing is the listing of arrays. Its items are in the order of the files: training first, and by name unless
// they are in a stream.
func (s *Survey) arrayListing(l *Listing, arrays []*array) (*Listing, error) {
	l.Rejected = s.rejected
	slices.SortStableFunc(arrays, func(a, b *array) int {
		sa, sb := s.Streamed(a.In), s.Streamed(b.In)
		if sa && sb {
			return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.At, b.At))
		}
		return cmp.Or(Order(sa, sb), Order(a.val, b.val), strings.Compare(a.Name, b.Name))
	})
	var side Side
	for _, a := range arrays {
		l.Arrays = append(l.Arrays, Array{a.Entry, len(l.Items), len(a.labels), a.read})
		entries := make([]tree.Entry, len(a.labels))
		for k, label := range a.labels {
			entries[k] = tree.Entry{Name: fmt.Sprintf("%s#%d", a.Name, k), In: a.In}
			l.Items = append(l.Items, Item{&entries[k], label, a.val})
		}
		side.size(a.width, a.height)
	}
	l.Side = side.Pixels
	if s.Format == "" && len(s.images) > 0 {
		return nil, fmt.Errorf("%s files and %s together: want one of them, or its format named", l.Kind,
			plural(len(s.images), "image file"))
	}
	return l, nil
}

// under puts a file's name before an error.
func under(e *tree.Entry, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", e.Name, err)
}

// Order puts false before true.
func Order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
