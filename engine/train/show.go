package train

import (
	"context"
	"errors"
	"fmt"

	"duet/dataloader"
	"duet/engine/backend"
	"duet/engine/op"
)

// Shown is an image as a network sees it.
type Shown struct {
	Index   int // in its set
	Label   int32
	Pixels  []float32 // [3,Crop,Crop], what goes into the first layer
	Colours []float32 // [3,Crop,Crop], the same on the scale of a picture: the mean added back, the scale taken out
}

// Show gives the first n images that a loader's batches hold, augmented by the operation that the network's graph begins
// with, on the reference device. It closes the loader. progress, unless nil, is told after every batch.
func Show(ctx context.Context, p Parts, in Input, loader *dataloader.Loader, n int, progress func(done, total int)) (shown []Shown, err error) {
	defer func() { err = errors.Join(err, loader.Close()) }()
	average := in.average()
	for len(shown) < n {
		b, err := loader.Next(ctx)
		if err != nil {
			return shown, err
		}
		pixels, err := augmented(p, in, b)
		if err != nil {
			return shown, err
		}
		each := 3 * p.Data.Crop * p.Data.Crop
		for i := range min(b.Valid, n-len(shown)) {
			own := pixels[i*each : (i+1)*each]
			shown = append(shown, Shown{Index: int(b.Index[i]), Label: b.Labels[i], Pixels: own, Colours: in.colours(p, average, own, b.Draws[i*op.Draws:])})
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
func augmented(p Parts, in Input, b *dataloader.Batch) (out []float32, err error) {
	d, err := backend.Open("reference:0", backend.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	batch := len(b.Index)
	augment := op.Augment{Crop: p.Data.Crop, Scale: float32(p.Data.Scale)}
	types := []op.Type{{DType: op.Uint8, Shape: []int{batch, in.Height, in.Width, 3}}, op.Floats(batch, op.Draws), op.Floats(in.MeanShape...)}
	hosts := []any{b.Images, b.Draws, in.Mean}
	r := backend.Request{Op: augment, InTypes: types}
	result, err := augment.Infer(types)
	if err != nil {
		return nil, fmt.Errorf("show: %w", err)
	}
	r.OutTypes = []op.Type{result}
	var buffers []backend.Buffer
	for i, t := range types {
		l, err := d.Place(t, []backend.Use{{Op: augment, Arg: i, In: types}})
		if err != nil {
			return nil, err
		}
		r.In = append(r.In, l)
		buffer, err := room(d, l.Bytes())
		if err != nil {
			return nil, err
		}
		if err := d.Upload(buffer, l, hosts[i]); err != nil {
			return nil, err
		}
		buffers = append(buffers, buffer)
	}
	kernel, err := d.Prepare(r)
	if err != nil {
		return nil, err
	}
	to, err := room(d, kernel.Out()[0].Bytes())
	if err != nil {
		return nil, err
	}
	scratch, err := room(d, kernel.Scratch())
	if err != nil {
		return nil, err
	}
	program, err := d.Load([]backend.Command{{Kind: backend.Launch, Label: "augment", Kernel: kernel, In: buffers, Out: []backend.Buffer{to}, Scratch: scratch}}, backend.LoadOptions{})
	if err != nil {
		return nil, err
	}
	program.Start()
	out = make([]float32, result.Len())
	return out, errors.Join(d.Download(out, to, kernel.Out()[0]), program.Close())
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
func (in Input) colours(p Parts, average [3]float32, pixels, draw []float32) []float32 {
	crop := p.Data.Crop
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
		all[i] = v/float32(p.Data.Scale) + mean
	}
	return all
}

func room(d backend.Device, bytes int64) (backend.Buffer, error) {
	if bytes == 0 {
		return backend.Buffer{}, nil
	}
	m, err := d.Alloc(bytes)
	return backend.Buffer{Memory: m, Bytes: bytes}, err
}
