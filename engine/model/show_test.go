package model_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"duet/dataloader"
	"duet/engine/model"
)

// shownTol is what a pixel may be off by: the roundings of its division by the scale and of the mean, of 255.
const shownTol = 1e-3

// TestShow: what is shown are the set's own pixels, where the draws say that they lie, whatever was subtracted and
// scaled; beside the image there is the mean colour. What goes into the network is that less the mean, times the scale.
func TestShow(t *testing.T) {
	const batch, n = 8, 13
	for _, mean := range []string{"image", "channel", "none"} {
		t.Run(mean, func(t *testing.T) {
			c := config(t, "data.mean="+mean, "data.crop=20", "data.pad=3", "data.mirror=true", "data.scale=0.25", set(t))
			data := open(t, c)
			in := model.InputOf(data.Train, c.Data)
			loader := func() *dataloader.Loader { return dataloader.NewTrainLoader(data.Train, c.Data, batch, 1, 0, nil) }
			shown, err := model.Show(context.Background(), c.Data, in, loader(), n, nil)
			check(t, err)
			if len(shown) != n {
				t.Fatalf("%d images, want %d", len(shown), n)
			}
			l := loader()
			defer l.Close()
			mirrored, outside := 0, 0
			for first := 0; first < n; first += batch {
				b, err := l.Next(context.Background())
				check(t, err)
				for i, s := range shown[first:min(n, first+batch)] {
					if s.Index != int(b.Index[i]) || s.Label != b.Labels[i] {
						t.Fatalf("image %d of class %d, want %d of %d", s.Index, s.Label, b.Index[i], b.Labels[i])
					}
					draw, pixels := b.Draws[i*dataloader.DrawWidth:], data.Train.Stored(s.Index)
					if draw[2] != 0 {
						mirrored++
					}
					for at, got := range s.Colours {
						c, y, x := at/400, int(draw[0])+at/20%20, int(draw[1])+at%20
						if draw[2] != 0 {
							x = int(draw[1]) + 19 - at%20
						}
						colour, subtracted := 0.0, 0.0
						if y < 0 || y >= in.Height || x < 0 || x >= in.Width {
							colour, subtracted = meanColour(in, c), meanColour(in, c)
							outside++
						} else {
							colour, subtracted = float64(pixels[(y*in.Width+x)*3+c]), meanAt(in, c, y, x)
						}
						if !(math.Abs(float64(got)-colour) <= shownTol) ||
							!(math.Abs(float64(s.Pixels[at])-(colour-subtracted)/4) <= shownTol) {
							t.Fatalf("image %d, channel %d at %d, %d: shown %v and seen %v, want %v and %v", s.Index, c, y, x, got,
								s.Pixels[at], colour, (colour-subtracted)/4)
						}
					}
				}
				check(t, l.Release(b))
			}
			if mirrored == 0 || mirrored == n || outside == 0 {
				t.Errorf("%d of %d mirrored, %d pixels outside: the test shows little", mirrored, n, outside)
			}
			stopped, stop := context.WithCancel(context.Background())
			stop()
			if _, err := model.Show(stopped, c.Data, in, loader(), n, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("interrupted: %v", err)
			}
		})
	}
}

// TestShowWindows: windows that are turned by next to nothing show what crops show, and contrast multiplies the
// distance from the mean.
func TestShowWindows(t *testing.T) {
	for _, mean := range []string{"image", "channel"} {
		sets := []string{"data.mean=" + mean, "data.crop=20", "data.pad=3", "data.mirror=true", "data.scale=0.25", set(t)}
		show := func(more ...string) []model.Shown {
			c := config(t, append(sets, more...)...)
			data := open(t, c)
			loader := dataloader.NewTrainLoader(data.Train, c.Data, 8, 1, 0, nil)
			shown, err := model.Show(context.Background(), c.Data, model.InputOf(data.Train, c.Data), loader, 13, nil)
			check(t, err)
			return shown
		}
		crops, turned, contrast := show(), show("data.rotate=1e-9"), show("data.contrast=0.5")
		others := 0
		for i, want := range crops {
			factor := 0.0
			for at, pixel := range want.Pixels {
				if math.Abs(float64(pixel-turned[i].Pixels[at])) > shownTol ||
					math.Abs(float64(want.Colours[at]-turned[i].Colours[at])) > shownTol {
					t.Fatalf("mean %s, image %d at %d: %v of colour %v, turned by nothing %v of %v", mean, i, at, pixel,
						want.Colours[at], turned[i].Pixels[at], turned[i].Colours[at])
				}
				got := contrast[i].Pixels[at]
				if math.Abs(float64(pixel)) > 1 && factor == 0 {
					factor = float64(got / pixel)
				}
				if factor != 0 && math.Abs(float64(got)-factor*float64(pixel)) > shownTol {
					t.Fatalf("mean %s, image %d at %d: %v with contrast, %v without, and another pixel %v times as much", mean, i, at,
						got, pixel, factor)
				}
			}
			if factor < 0.5-shownTol || factor > 1.5+shownTol {
				t.Errorf("mean %s, image %d: contrast %v, want 0.5 to 1.5", mean, i, factor)
			}
			if math.Abs(factor-1) > 0.1 {
				others++
			}
		}
		if others == 0 {
			t.Error("no image has another contrast")
		}
	}
}

// meanAt is what is subtracted from a pixel.
func meanAt(in model.Input, c, y, x int) float64 {
	if len(in.Mean) == 3 {
		return float64(in.Mean[c])
	}
	return float64(in.Mean[(c*in.Height+y)*in.Width+x])
}

// meanColour is the mean of that.
func meanColour(in model.Input, c int) (colour float64) {
	for y := range in.Height {
		for x := range in.Width {
			colour += meanAt(in, c, y, x) / float64(in.Height*in.Width)
		}
	}
	return colour
}
