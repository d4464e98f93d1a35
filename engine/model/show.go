package model

import (
	"context"
	"errors"
	"fmt"
	"math"

	"duet/dataloader"
	"duet/engine/backend"
	"duet/engine/op"
	"duet/engine/plan"
)

// Shown is an image as a network sees it.
type Shown struct {
	Index   int // in its set
	Label   int32
	Pixels  []float32 // [3,Crop,Crop], what goes into the first layer
	Colours []float32 // [3,Crop,Crop], the same on the scale of a picture: the mean added back, the scale taken out
}

// Show gives the first n images that a loader's batches hold, augmented by the operation that the network's graph
// begins with, on the reference device. It closes the loader. progress, unless nil, is told after every batch.
func Show(ctx context.Context, c dataloader.Config, in Input, loader *dataloader.Loader, n int,
	progress func(done, total int)) (shown []Shown, err error) {
	defer func() { err = errors.Join(err, loader.Close()) }()
	average := in.average()
	for len(shown) < n {
		b, err := loader.Next(ctx)
		if err != nil {
			return shown, err
		}
		pixels, err := augmented(ctx, c, in, b)
		if err != nil {
			return shown, err
		}
		each, width := 3*c.Crop*c.Crop, len(b.Draws)/len(b.Index)
		for i := range min(b.Valid, n-len(shown)) {
			own := pixels[i*each : (i+1)*each]
			shown = append(shown, Shown{Index: int(b.Index[i]), Label: b.Labels[i], Pixels: own,
				Colours: in.colours(c, average, own, b.Draws[i*width:(i+1)*width])})
		}
		if err := loader.Release(b); err != nil {
			return shown, err
		}
		if progress != nil {
			progress(len(shown), n)
		}
	}
	return shown, nil
}

// augmented runs what the network's graph begins with on a batch: [batch,3,Crop,Crop].
func augmented(ctx context.Context, c dataloader.Config, in Input, b *dataloader.Batch) (out []float32, err error) {
	m := &Model{setup: Setup{Devices: backend.Config{Towers: []string{"reference:0"}}}}
	if err := m.open(ctx, nil); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	g, err := Sight(Options{Batch: len(b.Index), Devices: 1, Height: in.Height, Width: in.Width,
		Crop: c.Crop, Scale: c.Scales(), Mean: in.MeanShape, Warp: len(b.Draws) == op.WarpDraws*len(b.Index)})
	if err != nil {
		return nil, fmt.Errorf("show: %w", err)
	}
	spec := plan.Spec{Name: "show", Graph: g.ExprGraph, Inputs: g.Inputs, Outputs: []plan.Output{{Name: "seen",
		Node: g.Image}}}
	if m.testing, err = plan.Compile(spec, m.state); err != nil {
		return nil, err
	}
	for name, host := range map[string]any{Images: b.Images, Draws: b.Draws, Mean: in.Mean} {
		if err := m.testing.Upload(name, host); err != nil {
			return nil, err
		}
	}
	m.testing.Run()
	out = make([]float32, g.Image.Shape().TotalSize())
	return out, m.testing.Download("seen", out)
}

// average is the mean colour, R, G, B.
func (in Input) average() (colour [3]float32) {
	places := len(in.Mean) / 3
	for c := range colour {
		var sum float64
		for _, m := range in.Mean[c*places : (c+1)*places] {
			sum += float64(m)
		}
		colour[c] = float32(sum / float64(places))
	}
	return colour
}

// colours makes a picture of the pixels that op.Augment or op.Warp made with a draw; what lies outside the image has
// the mean colour. Of a mean image, a window that is scaled or turned takes the nearest pixel.
func (in Input) colours(config dataloader.Config, average [3]float32, pixels, draw []float32) []float32 {
	crop, scales := config.Crop, config.Scales()
	all := make([]float32, len(pixels))
	for i, v := range pixels {
		c := i / (crop * crop)
		y, x := place(draw, i/crop%crop, i%crop, crop)
		mean := average[c]
		if len(in.Mean) > 3 && y >= 0 && y < in.Height && x >= 0 && x < in.Width {
			mean = in.Mean[(c*in.Height+y)*in.Width+x]
		}
		all[i] = v/float32(scales[c]) + mean
	}
	return all
}

// place is where a draw of op.Augment or op.Warp has the crop's row i and column j: a line and a column of the image.
func place(draw []float32, i, j, crop int) (y, x int) {
	if len(draw) == op.WarpDraws {
		at := func(d []float32) int { return int(math.RoundToEven(float64(d[0] + d[1]*float32(i) + d[2]*float32(j)))) }
		return at(draw[0:3]), at(draw[3:6])
	}
	if draw[2] != 0 {
		j = crop - 1 - j
	}
	return int(draw[0]) + i, int(draw[1]) + j
}
