package prepare

import (
	"context"
	"testing"
	"testing/synctest"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
)

// A file waits until there is room for it among those that are on their way; one that is larger than all the room goes
// alone.
func TestRoom(t *testing.T) {
	const all, half = 96 << 20, 48 << 20
	for name, c := range map[string]struct {
		inside []int64 // bytes of the files that are on their way
		next   int64
		leaves int // of them, before there is room
	}{
		"nothing":          {nil, 5, 0},
		"all of it":        {nil, all, 0},
		"more than all":    {nil, 2 * all, 0},
		"a second half":    {[]int64{half}, half, 0},
		"a byte too much":  {[]int64{half}, half + 1, 1},
		"a third":          {[]int64{half, half}, 1, 1},
		"of three":         {[]int64{half, half - 5, 5}, half + 1, 2},
		"all, beside one":  {[]int64{1}, all, 1},
		"more, beside two": {[]int64{1, 1}, 2 * all, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &pool{}
			p.room.L = &p.mutex
			for _, bytes := range c.inside {
				p.enter(bytes)
			}
			entered := false
			go func() {
				p.enter(c.next)
				entered = true
			}()
			for n := 0; ; n++ {
				synctest.Wait() // until it has entered or waits
				if entered != (n >= c.leaves) {
					t.Errorf("%s: after %d have left: entered %t", name, n, entered)
				}
				if n == len(c.inside) {
					break
				}
				p.leave(c.inside[n])
			}
			p.leave(c.next)
			if p.inFlight != 0 {
				t.Errorf("%s: %d bytes are on their way in the end", name, p.inFlight)
			}
		})
	}
}

// A file leaves when it is decoded, also where that fails: files of half the room each go on to the last.
func TestRoomIsLeft(t *testing.T) {
	for _, panics := range []bool{false, true} {
		p := &pool{layout: packed.Layout{Height: 8, Width: 8, Codec: packed.Raw}, picture: picture.Options{Size: 8},
			workers: 2, size: func(int) int64 { return 48 << 20 }}
		taken := 0
		err := p.run(context.Background(), unruly{items: make([]int, 9), panics: panics}, nil, func(k *task) error {
			if taken++; (k.cause != nil) != panics {
				t.Errorf("cause %v", k.cause)
			}
			return nil
		})
		if err != nil || taken != 9 || p.inFlight != 0 {
			t.Errorf("%d images, %d bytes on their way, error %v", taken, p.inFlight, err)
		}
	}
}

// As many images are on their way as keep the workers busy, and as fit in memory.
func TestWindow(t *testing.T) {
	for _, c := range []struct{ workers, side, want int }{
		{1, 8, 6}, {8, 8, 34}, {1, 4096, 3}, {8, 4096, 10}, {64, 1033, 85}, {4, 1024, 18},
	} {
		p := &pool{workers: c.workers, layout: packed.Layout{Height: c.side, Width: c.side}}
		if got := p.window(); got != c.want {
			t.Errorf("%d workers, images of %dx%d: %d, want %d", c.workers, c.side, c.side, got, c.want)
		}
	}
}
