package conformance

import (
	"fmt"
	"math"
	"slices"

	"duet/engine/op"
)

func warpCases() []testCase {
	image := []uint8{ // 2 x 2, RGB
		10, 20, 30, 40, 50, 60,
		70, 80, 90, 100, 110, 120,
	}
	byHand := func(name string, draws, mean []float64, h, w int, want ...float64) testCase {
		return testCase{name: "warp: " + name, want: map[string]any{"y": want}, build: func(n *network) {
			n.apply("y", op.Warp{Crop: 2, Scale: [3]float32{0.5, 0.5, 2}},
				n.leaf("images", op.Type{DType: op.Uint8, Shape: []int{1, 2, 2, 3}}, image),
				n.fine("draws", op.Floats(1, op.WarpDraws), draws), n.fine("mean", op.Floats(3, h, w), mean))
		}}
	}
	channels := []float64{10, 20, 30}
	cases := []testCase{
		byHand("the image as it is", []float64{0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0}, channels, 1, 1,
			0, 15, 30, 45, 0, 15, 30, 45, 0, 60, 120, 180),
		byHand("mirrored, colours shifted", []float64{0, 1, 0, 1, 0, -1, 1, 1, 2, 4, -6}, channels, 1, 1,
			16, 1, 46, 31, 17, 2, 47, 32, 48, -12, 168, 108),
		byHand("brighter, and twice the contrast", []float64{0, 1, 0, 0, 0, 1, 1.5, 2, 0, 0, 0}, channels, 1, 1,
			5, 50, 95, 140, 10, 55, 100, 145, 60, 240, 420, 600),
		byHand("a quarter turn", []float64{0, 0, 1, 1, -1, 0, 1, 1, 0, 0, 0}, channels, 1, 1,
			15, 45, 0, 30, 15, 45, 0, 30, 60, 180, 0, 120),
		byHand("between places", []float64{0.5, 0.5, 0, 0.25, 0, 0.5, 1, 1, 0, 0, 0}, channels, 1, 1,
			18.75, 26.25, 33.75, 41.25, 18.75, 26.25, 33.75, 41.25, 75, 105, 135, 165),
		byHand("the half pixel around the image, and beyond", []float64{-0.5, 1.75, 0, -0.5, 0, 2, 1, 1, 2, 2, 2}, channels,
			1, 1, 1, 0, 31, 0, 1, 0, 31, 0, 4, 0, 124, 0),
		byHand("a mean image between places", []float64{0.5, 0, 0, 0.5, 0, 0, 1, 1, 0, 0, 0},
			[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 2,
			26.25, 26.25, 26.25, 26.25, 29.25, 29.25, 29.25, 29.25, 129, 129, 129, 129),
		byHand("a place that is no number", []float64{math.NaN(), 0, 0, 0, 0, 0, 1, 1, 5, 5, 5}, channels, 1, 1,
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		byHand("infinitely far", []float64{0, 1, 0, math.Inf(1), 0, 0, 1, 1, 5, 5, 5}, channels, 1, 1,
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	}
	for _, c := range []struct {
		n, h, w, crop int
		image, slow   bool
	}{
		{1, 1, 1, 1, false, false}, {3, 5, 7, 3, false, false}, {2, 5, 7, 5, true, false}, {5, 32, 32, 32, true, false},
		{2, 11, 11, 17, true, false}, {70, 9, 8, 5, false, false}, {2, 256, 256, 227, true, true},
	} {
		cases = append(cases, testCase{name: fmt.Sprintf("warp %+v", c), slow: c.slow, build: func(n *network) {
			mh, mw := 1, 1
			if c.image {
				mh, mw = c.h, c.w
			}
			mean := spread("mean", 30, 3*mh*mw)
			for i := range mean {
				mean[i] += 120
			}
			draws := spread("draws", 15, c.n*op.WarpDraws)
			for i := range c.n { // turned windows of half to one and a half of the image, some over its edge
				d, angle, size := draws[i*op.WarpDraws:], float64(i)*0.7, 0.5+float64(i%5)/4
				tall, wide := size*float64(c.h)/float64(c.crop), size*float64(c.w)/float64(c.crop)
				sin, cos := math.Sincos(angle)
				d[1], d[2], d[4], d[5] = cos*tall, -sin*wide, sin*tall, cos*wide
				d[0] = float64(c.h)/2 - (d[1]+d[2])*float64(c.crop-1)/2 - 0.5
				d[3] = float64(c.w)/2 - (d[4]+d[5])*float64(c.crop-1)/2 - 0.5
				d[6], d[7] = 0.6+float64(i%4)/5, 1.4-float64(i%3)/5
			}
			n.apply("y", op.Warp{Crop: c.crop, Scale: [3]float32{1.0 / 64, 1.0 / 58, 1.0 / 70}},
				n.leaf("images", op.Type{DType: op.Uint8, Shape: []int{c.n, c.h, c.w, 3}}, pixels("images", c.n*c.h*c.w*3)),
				n.fine("draws", op.Floats(c.n, op.WarpDraws), draws), n.fine("mean", op.Floats(3, mh, mw), mean))
		}})
	}
	for _, c := range []struct{ crop, maps, kernel, stride, pad int }{{21, 8, 7, 3, 2}, {16, 5, 3, 1, 1}} {
		cases = append(cases, testCase{name: fmt.Sprintf("warp, then convolution %+v", c), build: func(n *network) {
			x := n.apply("x", op.Warp{Crop: c.crop, Scale: [3]float32{1.0 / 64, 1.0 / 58, 1.0 / 70}},
				n.leaf("images", op.Type{DType: op.Uint8, Shape: []int{2, 20, 24, 3}}, pixels("images", 2*20*24*3)),
				n.fine("draws", op.Floats(2, op.WarpDraws), slices.Repeat([]float64{-1, 0.9, 0.2, 2, -0.1, 1.1, 1.2, 0.8, 4, 0,
					-3}, 2)), n.fine("mean", op.Floats(3, 1, 1), []float64{120, 110, 100}))
			o := op.Conv2D{Kernel: c.kernel, Stride: c.stride, Pad: c.pad, Groups: 1}
			w, b := n.parameters("conv", 3*c.kernel*c.kernel, c.maps, 3, c.kernel, c.kernel)
			n.fromWeights(o, op.Conv2DGradWeight{Conv: o}, op.Conv2DGradBias{Conv: o}, x, w, b)
		}})
	}
	return cases
}
