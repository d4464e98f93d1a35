package dataloader_test

import (
	"testing"

	"duet/dataloader"
)

// A crop that does not fit evenly is a pixel nearer to the top left, and one larger than the image hangs over evenly.
func TestViews(t *testing.T) {
	for _, c := range []struct {
		height, width, crop int
		top, left           float32
	}{{12, 12, 10, 1, 1}, {11, 16, 8, 1, 4}, {8, 8, 8, 0, 0}, {8, 8, 11, -2, -2}} {
		one, ten := dataloader.Views(c.height, c.width, c.crop, 1), dataloader.Views(c.height, c.width, c.crop, 10)
		want := [dataloader.DrawWidth]float32{c.top, c.left}
		if len(one) != 1 || len(ten) != 10 || one[0] != want || ten[4] != want {
			t.Errorf("%+v: centre %v and %v, want %v", c, one, ten[4], want)
		}
		if ten[3] != [6]float32{float32(c.height - c.crop), float32(c.width - c.crop)} {
			t.Errorf("%+v: bottom right %v", c, ten[3])
		}
		for i := range 5 {
			mirror := ten[i]
			mirror[2] = 1
			if ten[i+5] != mirror {
				t.Errorf("%+v: view %d is %v, want the mirror image of %v", c, i+5, ten[i+5], ten[i])
			}
		}
	}
}
