package conformance

import (
	"fmt"
	"slices"

	"duet/engine/op"
)

func augmentCases() []testCase {
	image := []uint8{ // 2 x 2, RGB
		10, 20, 30, 40, 50, 60,
		70, 80, 90, 100, 110, 120,
	}
	half := [3]float32{0.5, 0.5, 0.5}
	byHand := func(scale [3]float32, draws, mean []float64, h, w int) func(n *network) {
		return func(n *network) {
			n.apply("y", op.Augment{Crop: 2, Scale: scale},
				n.leaf("images", op.Type{DType: op.Uint8, Shape: []int{1, 2, 2, 3}}, image),
				n.fine("draws", op.Floats(1, op.Draws), draws), n.fine("mean", op.Floats(3, h, w), mean))
		}
	}
	perChannel := []float64{10, 20, 30}
	cases := []testCase{{
		name:  "augment: the mean of a channel, colours shifted",
		build: byHand(half, []float64{0, 0, 0, 2, 4, -6}, perChannel, 1, 1),
		want:  map[string]any{"y": []float64{1, 16, 31, 46, 2, 17, 32, 47, -3, 12, 27, 42}},
	}, {
		name:  "augment: each channel has its scale",
		build: byHand([3]float32{0.5, 2, -1}, []float64{0, 0, 0, 2, 4, -6}, perChannel, 1, 1),
		want:  map[string]any{"y": []float64{1, 16, 31, 46, 8, 68, 128, 188, 6, -24, -54, -84}},
	}, {
		name:  "augment: mirrored",
		build: byHand(half, []float64{0, 0, 1, 0, 0, 0}, perChannel, 1, 1),
		want:  map[string]any{"y": []float64{15, 0, 45, 30, 15, 0, 45, 30, 15, 0, 45, 30}},
	}, {
		name:  "augment: cropped in the padding",
		build: byHand(half, []float64{1, -1, 0, 2, 2, 2}, perChannel, 1, 1),
		want:  map[string]any{"y": []float64{0, 31, 0, 0, 0, 31, 0, 0, 0, 31, 0, 0}},
	}, {
		name:  "augment: mirrored in the padding, a mean image",
		build: byHand(half, []float64{1, -1, 1, 0, 0, 0}, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 2),
		want:  map[string]any{"y": []float64{33.5, 0, 0, 0, 36.5, 0, 0, 0, 39.5, 0, 0, 0}},
	}}
	for _, c := range []struct {
		n, h, w, crop int
		image, slow   bool
	}{
		{1, 1, 1, 1, false, false}, {3, 5, 7, 3, false, false}, {2, 5, 7, 5, true, false}, {5, 32, 32, 32, true, false},
		{2, 11, 11, 17, true, false}, {2, 256, 256, 227, true, true},
	} {
		cases = append(cases, testCase{name: fmt.Sprintf("augment %+v", c), slow: c.slow, build: func(n *network) {
			mh, mw := 1, 1
			if c.image {
				mh, mw = c.h, c.w
			}
			mean := spread("mean", 30, 3*mh*mw)
			for i := range mean {
				mean[i] += 120
			}
			draws := spread("draws", 15, c.n*op.Draws)
			for i := range c.n { // windows from 3 outside to 3 outside
				draws[i*op.Draws] = float64(i*5%(max(0, c.h-c.crop)+7) - 3)
				draws[i*op.Draws+1] = float64(i*3%(max(0, c.w-c.crop)+7) - 3)
				draws[i*op.Draws+2] = float64(i % 2)
			}
			n.apply("y", op.Augment{Crop: c.crop, Scale: [3]float32{1.0 / 64, 1.0 / 58, 1.0 / 70}},
				n.leaf("images", op.Type{DType: op.Uint8, Shape: []int{c.n, c.h, c.w, 3}}, pixels("images", c.n*c.h*c.w*3)),
				n.fine("draws", op.Floats(c.n, op.Draws), draws), n.fine("mean", op.Floats(3, mh, mw), mean))
		}})
	}
	for _, c := range []struct{ n, crop, maps, kernel, stride, pad int }{
		{2, 35, 8, 11, 4, 0}, {3, 32, 17, 5, 1, 2}, {1, 29, 6, 7, 3, 3}, {2, 21, 16, 3, 2, 1}, {1, 16, 4, 2, 5, 0},
	} {
		cases = append(cases, testCase{name: fmt.Sprintf("augment, then convolution %+v", c), build: func(n *network) {
			x := n.apply("x", op.Augment{Crop: c.crop, Scale: [3]float32{1.0 / 64, 1.0 / 58, 1.0 / 70}},
				n.leaf("images", op.Type{DType: op.Uint8, Shape: []int{c.n, 40, 44, 3}}, pixels("images", c.n*40*44*3)),
				n.fine("draws", op.Floats(c.n, op.Draws), slices.Repeat([]float64{-2, 3, 1, 4, -5, 6}, c.n)),
				n.fine("mean", op.Floats(3, 1, 1), []float64{120, 110, 100}))
			o := op.Conv2D{Kernel: c.kernel, Stride: c.stride, Pad: c.pad, Groups: 1}
			w, b := n.parameters("conv", 3*c.kernel*c.kernel, c.maps, 3, c.kernel, c.kernel)
			n.fromWeights(o, op.Conv2DGradWeight{Conv: o}, op.Conv2DGradBias{Conv: o}, x, w, b)
		}})
	}
	return cases
}
