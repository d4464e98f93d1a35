package prepare

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/source"
)

// A failing source has two images; the second's bytes come with an error.
type failing struct {
	source.Source
	err error
}

func (f failing) Read(_ context.Context, _ func(int) bool, emit func(int, source.Fetch) error) error {
	for i := range 2 {
		err := emit(i, func([]byte) (source.Content, error) {
			if i == 1 {
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
		err  error
		lost bool
	}{
		"damaged":   {errors.New("cut short"), false},
		"gone":      {fmt.Errorf("stale handle: %w", source.ErrLost), true},
		"no memory": {fmt.Errorf("coefficients: %w", picture.ErrMemory), true},
	} {
		p := &pool{layout: packed.Layout{Height: 8, Width: 8, Codec: packed.Raw}, picture: picture.Options{Size: 8}, workers: 1,
			size: func(int) int64 { return 1 }}
		taken := 0
		err := p.run(context.Background(), failing{err: c.err}, nil, func(k *task) error {
			if taken++; k.item == 1 && ((k.lost != nil) != c.lost || (k.cause != nil) == c.lost || !errors.Is(errors.Join(k.lost, k.cause), c.err)) {
				t.Errorf("%s: lost %v, cause %v", name, k.lost, k.cause)
			}
			return nil
		})
		if err != nil || taken != 2 {
			t.Errorf("%s: %d images, error %v", name, taken, err)
		}
	}
}
