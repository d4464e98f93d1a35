package prepare

import (
	"context"
	"strings"
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

// What the disk has no room for is refused before it is begun, as far as that can be known.
func TestDiskRoom(t *testing.T) {
	const pixels = 256 * 256 * 3
	for name, c := range map[string]struct {
		codec          string
		total, earlier int
		free           int64
		known          bool
		want           string
	}{
		"as much as there is": {packed.Raw, 1000, 0, 1000 * pixels, true, ""},
		"a byte less": {packed.Raw, 1000, 0, 1000*pixels - 1, true, "data/set: 1000 images of 256x256 take 188 MiB, and " +
			"the disk has 187 MiB left: make room, or take a smaller --size, another folder, or --codec jpeg, which takes " +
			"about a sixth"},
		"most of it is done":   {packed.Raw, 1000, 990, 10 * pixels, true, ""},
		"a part of it is done": {packed.Raw, 1000, 500, 0, true, "data/set: 500 images of 256x256 take 93.8 MiB"},
		"not known":            {packed.Raw, 1000, 0, 0, false, ""},
		"jpeg":                 {packed.JPEG, 1000, 0, 1, true, ""},
	} {
		m := &maker{partial: &partial{out: "data/set"}, told: Progress{Total: c.total, Earlier: c.earlier},
			layout: packed.Layout{Height: 256, Width: 256, Codec: c.codec}}
		err := m.fits(c.free, c.known)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
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
