package model

import (
	"context"
	"errors"
	"fmt"

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
		each := 3 * c.Crop * c.Crop
		for i := range min(b.Valid, n-len(shown)) {
			own := pixels[i*each : (i+1)*each]
			shown = append(shown, Shown{Index: int(b.Index[i]), Label: b.Labels[i], Pixels: own,
				Colours: in.colours(c, average, own, b.Draws[i*op.Draws:])})
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

// augmented runs op.Augment on a batch: [batch,3,Crop,Crop].
func augmented(ctx context.Context, c dataloader.Config, in Input, b *dataloader.Batch) (out []float32, err error) {
	m := &Model{setup: Setup{Devices: backend.Config{Towers: []string{"reference:0"}}}}
	if err := m.open(ctx, nil); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	g, err := Sight(Options{Batch: len(b.Index), Devices: 1, Height: in.Height, Width: in.Width,
		Crop: c.Crop, Scale: c.Scales(), Mean: in.MeanShape})
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

// colours makes a picture of the pixels that op.Augment made with a draw; what lies in the padding has the mean colour.
func (in Input) colours(config dataloader.Config, average [3]float32, pixels, draw []float32) []float32 {
	crop, scales := config.Crop, config.Scales()
	top, left, mirror := int(draw[0]), int(draw[1]), draw[2] != 0
	all := make([]float32, len(pixels))
	for i, v := range pixels {
		c, y, x := i/(crop*crop), top+i/crop%crop, left+i%crop
		if mirror {
			x = left + crop - 1 - i%crop
		}
		mean := average[c]
		if len(in.Mean) > 3 && y >= 0 && y < in.Height && x >= 0 && x < in.Width {
			mean = in.Mean[(c*in.Height+y)*in.Width+x]
		}
		all[i] = v/float32(scales[c]) + mean
	}
	return all
}
