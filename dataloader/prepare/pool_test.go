package prepare

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/source"
)

// A failing source has two images; the second's bytes come with an error.
type failing struct {
	source.Source
	err    error
	panics bool // rather
}

func (f failing) Read(_ context.Context, _ func(int) bool, emit func(int, source.Fetch) error) error {
	for i := range 2 {
		err := emit(i, func([]byte) (source.Content, error) {
			if i == 1 {
				if f.panics {
					panic(f.err)
				}
				return source.Content{}, f.err
			}
			return source.Content{Image: &picture.RGB{Pix: make([]byte, 8*8*3), Width: 8, Height: 8}}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// What is not the image's fault is no cause to reject it.
func TestWhoseFault(t *testing.T) {
	for name, c := range map[string]struct {
		err          error
		lost, panics bool
	}{
		"damaged":   {err: errors.New("cut short")},
		"gone":      {err: fmt.Errorf("stale handle: %w", source.ErrLost), lost: true},
		"no memory": {err: fmt.Errorf("coefficients: %w", picture.ErrMemory), lost: true},
		"a panic":   {err: errors.New("index out of range"), panics: true},
	} {
		p := &pool{layout: packed.Layout{Height: 8, Width: 8, Codec: packed.Raw}, picture: picture.Options{Size: 8},
			workers: 1, size: func(int) int64 { return 1 }}
		taken := 0
		err := p.run(context.Background(), failing{err: c.err, panics: c.panics}, nil, func(k *task) error {
			why := errors.Join(k.lost, k.cause)
			is := errors.Is(why, c.err) || c.panics && why != nil && strings.Contains(why.Error(), "panicked: "+c.err.Error())
			if taken++; k.item == 1 && ((k.lost != nil) != c.lost || (k.cause != nil) == c.lost || !is) {
				t.Errorf("%s: lost %v, cause %v", name, k.lost, k.cause)
			}
			return nil
		})
		if err != nil || taken != 2 {
			t.Errorf("%s: %d images, error %v", name, taken, err)
		}
	}
}
