package prepare

import (
	"context"
	"errors"
	"fmt"

	"duet/dataloader/layout"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/source"
)

// A packedSource is a packed set as a source: to resize it, or to take a part of it.
type packedSource struct {
	sets [2]*packed.Set // train, val; the second may be nil
}

func openPacked(dir string) (source.Source, error) {
	s := &packedSource{}
	var err error
	if s.sets[0], err = packed.Open(dir, packed.Train); err != nil {
		return nil, err
	}
	if s.sets[1], err = packed.Open(dir, packed.Val); err != nil && !errors.Is(err, packed.ErrNoSplit) {
		return nil, errors.Join(err, s.sets[0].Close())
	}
	if err != nil {
		s.sets[1] = nil
	}
	return s, nil
}

func (s *packedSource) List(context.Context, func(found int)) (*source.Listing, error) {
	x := s.sets[0].Index
	l := &source.Listing{Kind: "packed set of " + x.Kind, Reading: &x.Reading}
	if x.Height == x.Width && x.Height <= automaticSize {
		l.Side = x.Height
	}
	for _, c := range s.sets[0].Classes() {
		l.Classes = append(l.Classes, source.Class{ID: c.ID, Name: c.Name})
	}
	for i, set := range s.sets {
		if set == nil {
			continue
		}
		files, err := set.Files()
		if err != nil {
			return nil, err
		}
		for k, label := range set.Labels() {
			l.Items = append(l.Items, layout.NewItem(files[k], label, i == 1))
		}
		l.Fingerprint += set.Identity() + " "
	}
	return l, nil
}

// readAhead is how many images before its turn the system is asked for one: a mapped set is otherwise read a page at a
// time.
const readAhead = 64

// Read compares the files of a shard with their checksums before it emits the first image of it.
func (s *packedSource) Read(ctx context.Context, want func(item int) bool,
	emit func(item int, fetch source.Fetch) error) error {
	item := 0
	for _, set := range s.sets {
		if set == nil {
			continue
		}
		verified := 0 // the end of the last shard that was compared
		for i := range set.Len() {
			if ahead := i + readAhead; ahead < set.Len() && want(item+readAhead) {
				set.WillNeed(ahead)
			}
			if i >= verified && want(item) {
				var err error
				if verified, err = set.VerifyShard(ctx, i); err != nil {
					return err
				}
			}
			if want(item) {
				if err := emit(item, func(buf []byte) (source.Content, error) { return content(set, i, buf) }); err != nil {
					return err
				}
			}
			item++
		}
	}
	return nil
}

// content is image i of a set, copied: what is stored may go away with the set, a scratch may be written to.
func content(set *packed.Set, i int, buf []byte) (source.Content, error) {
	stored, err := set.AppendStored(buf[:0], i)
	if err != nil {
		return source.Content{}, fmt.Errorf("%w: %w", err, source.ErrLost)
	}
	if set.Index.Codec == packed.JPEG {
		return source.Content{Encoded: stored}, nil
	}
	return source.Content{Image: &picture.RGB{Pix: stored, Width: set.Width(), Height: set.Height()}}, nil
}

func (s *packedSource) Unchanged() error { return nil }

func (s *packedSource) Close() error {
	err := s.sets[0].Close()
	if s.sets[1] != nil {
		err = errors.Join(err, s.sets[1].Close())
	}
	return err
}
