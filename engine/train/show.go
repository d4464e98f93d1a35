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
	Index  int       // in its set
	Label  int32     //
	Pixels []float32 // [3,Crop,Crop], what goes into the first layer
}

// Show gives the first n images that a loader's batches hold, augmented by the operation that the network's graph begins
// with, on the reference device. It closes the loader.
func Show(ctx context.Context, p Parts, in Input, loader *dataloader.Loader, n int) (shown []Shown, err error) {
	defer func() { err = errors.Join(err, loader.Close()) }()
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
			shown = append(shown, Shown{Index: int(b.Index[i]), Label: b.Labels[i], Pixels: pixels[i*each : (i+1)*each]})
		}
		if err := loader.Release(b); err != nil {
			return shown, err
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

func room(d backend.Device, bytes int64) (backend.Buffer, error) {
	if bytes == 0 {
		return backend.Buffer{}, nil
	}
	m, err := d.Alloc(bytes)
	return backend.Buffer{Memory: m, Bytes: bytes}, err
}
