package dataloader_test

import (
	"math"
	"testing"

	"duet/dataloader"
	"duet/engine/op"
)

// warped is a draw of op.Warp as one would describe it.
type warped struct {
	top, left, tall, wide float64 // of the window before it is turned, in pixels
	turn                  float64 // degrees
	mirrored              bool
	brightness, contrast  float64
	shift                 [3]float32
}

// describe is what a draw says of a crop.
func describe(d []float32, crop int) (w warped) {
	side, middle := float64(crop), float64(crop-1)/2
	of := func(i int) float64 { return float64(d[i]) }
	w.tall, w.wide = side*math.Hypot(of(1), of(4)), side*math.Hypot(of(2), of(5))
	w.turn = math.Atan2(-of(4), of(1)) * 180 / math.Pi
	w.mirrored = of(1)*of(5)-of(2)*of(4) < 0
	w.top = of(0) + (of(1)+of(2))*middle + 0.5 - w.tall/2
	w.left = of(3) + (of(4)+of(5))*middle + 0.5 - w.wide/2
	w.brightness, w.contrast, w.shift = of(6), of(7), [3]float32(d[8:11])
	return w
}

// TestWarpDraws: windows have the sizes, shapes, places, turns and light that were asked for, and each of them evenly.
func TestWarpDraws(t *testing.T) {
	if dataloader.WarpDrawWidth != op.WarpDraws || dataloader.DrawWidth != op.Draws {
		t.Fatalf("draws of %d and %d numbers, and the operations want %d and %d", dataloader.DrawWidth,
			dataloader.WarpDrawWidth, op.Draws, op.WarpDraws)
	}
	const epochs, images, side, crop = 100, 40, 12, 10
	s := open(t, small(t), "train")
	draws := func(change func(c *dataloader.Config)) (all []warped) {
		c := augmented()
		change(&c)
		width := c.DrawWidth()
		for _, b := range take(t, dataloader.NewTrainLoader(s, c, images, 1, 0, nil), epochs) {
			for i := range images {
				d := b.draws[i*width : (i+1)*width]
				if width == op.Draws {
					w := warped{top: float64(d[0]), left: float64(d[1]), tall: crop, wide: crop, mirrored: d[2] != 0, brightness: 1,
						contrast: 1, shift: [3]float32(d[3:])}
					all = append(all, w)
					continue
				}
				all = append(all, describe(d, crop))
			}
		}
		return all
	}
	plain := draws(func(*dataloader.Config) {})
	const ulps = 1e-5
	near := func(a, b float64) bool { return math.Abs(a-b) <= ulps }
	// even: values between low and high, as many below the middle as above.
	even := func(t *testing.T, what string, all []warped, low, high float64, of func(w warped) float64) {
		t.Helper()
		below := 0
		for _, w := range all {
			v := of(w)
			if v < low-ulps || v > high+ulps {
				t.Fatalf("%s is %v, want %v to %v", what, v, low, high)
			}
			if v < (low+high)/2 {
				below++
			}
		}
		n := float64(len(all))
		if !(math.Abs(float64(below)-n/2) <= 5*math.Sqrt(n/4)) {
			t.Errorf("%s is in the lower half of %v to %v %d times of %v", what, low, high, below, n)
		}
	}
	area := func(w warped) float64 { return w.tall * w.wide / (side * side) }
	shape := func(w warped) float64 { return math.Log(w.wide / w.tall) }
	for name, c := range map[string]struct {
		change func(c *dataloader.Config)
		right  func(t *testing.T, all []warped)
	}{
		"light alone": {func(c *dataloader.Config) { c.Brightness, c.Contrast = 0.4, 0.2 }, func(t *testing.T, all []warped) {
			for i, w := range all {
				if p := plain[i]; !near(w.top, p.top) || !near(w.left, p.left) || w.mirrored != p.mirrored || w.shift != p.shift ||
					!near(w.tall, crop) || !near(w.wide, crop) || w.turn != 0 {
					t.Fatalf("draw %d: %+v, without light %+v", i, w, p)
				}
			}
			even(t, "brightness", all, 0.6, 1.4, func(w warped) float64 { return w.brightness })
			even(t, "contrast", all, 0.8, 1.2, func(w warped) float64 { return w.contrast })
		}},
		"turned": {func(c *dataloader.Config) { c.Rotate = 30 }, func(t *testing.T, all []warped) {
			even(t, "turn", all, -30, 30, func(w warped) float64 { return w.turn })
			for i, w := range all {
				if p := plain[i]; !near(w.top, p.top) || !near(w.left, p.left) || w.mirrored != p.mirrored ||
					!near(w.tall, crop) || !near(w.wide, crop) || w.brightness != 1 || w.contrast != 1 {
					t.Fatalf("draw %d: %+v, not turned %+v", i, w, p)
				}
			}
		}},
		"of a size": {func(c *dataloader.Config) { c.CropArea, c.Pad = []float64{0.2, 0.5}, 0 }, func(t *testing.T,
			all []warped) {
			even(t, "area", all, 0.2, 0.5, area)
			even(t, "shape", all, math.Log(0.75), math.Log(4./3), shape)
			even(t, "place down", all, 0, 1, func(w warped) float64 { return w.top / (side - w.tall) })
			even(t, "place right", all, 0, 1, func(w warped) float64 { return w.left / (side - w.wide) })
			for i, w := range all {
				if w.mirrored != plain[i].mirrored || w.shift != plain[i].shift || w.turn != 0 {
					t.Fatalf("draw %d: %+v, plain %+v", i, w, plain[i])
				}
			}
		}},
		"in the middle, tall": {func(c *dataloader.Config) {
			c.CropArea, c.CropRatio, c.RandomCrop = []float64{0.9, 0.9}, []float64{0.5, 0.5}, false
		}, func(t *testing.T, all []warped) {
			for _, w := range all { // as tall as the image: the root of 0.9/0.5 would be more
				if wide := side * math.Sqrt(0.9*0.5); !near(w.tall, side) || !near(w.wide, wide) || !near(w.top, 0) ||
					!near(w.left, (side-wide)/2) {
					t.Fatalf("%+v", w)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) { c.right(t, draws(c.change)) })
	}
}
