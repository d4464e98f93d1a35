package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"duet/dataloader"
	"duet/dataloader/packed"
	"duet/engine/metrics"
)

// Result is what an evaluation found.
type Result struct {
	Images    int     `json:"images"`
	Top1Error float64 `json:"top1_error"` // share of images whose class was not the first guess
	Top5Error float64 `json:"top5_error"` // share of images whose class was not among the first five
	Loss      float64 `json:"loss"`       // mean cross entropy in nats, of the views' mean probabilities
	Classes   int     `json:"-"`          // of the network
}

// MarshalJSON writes a loss that is no number as null.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	return json.Marshal(struct {
		plain
		Loss metrics.Number `json:"loss"` // in the place of plain's
	}{plain(r), metrics.Number(r.Loss)})
}

// Evaluate tests the model on a set, with 1 or 10 views an image whose probabilities are averaged. Classes are matched
// as Input.Match does; images of those that the network has not learned do not count. progress, unless nil, is told
// after every batch how many images are done.
func (m *Model) Evaluate(ctx context.Context, set *packed.Set, views int, progress func(done, total int)) (r Result,
	err error) {
	loader := dataloader.NewEvalLoader(set, m.setup.Data, m.Batch, views, m.Allocate)
	defer func() {
		if e := loader.Close(); err == nil { // after a failure it only says again what the device said
			err = e
		}
	}()
	t := tally{classes: len(m.Input.Classes), probs: make([]float64, m.Batch*len(m.Input.Classes)),
		labels: m.Input.Match(set.Classes())}
	probs := make([]float32, len(t.probs))
	done := 0
	for {
		b, err := loader.Next(ctx)
		if err == io.EOF {
			return t.result(), nil
		}
		if err == nil {
			err = m.forward(b, probs)
		}
		if err != nil {
			return r, err
		}
		t.view(probs[:b.Valid*t.classes], views)
		if b.View == views-1 {
			t.count(b.Labels[:b.Valid])
			done += b.Valid
			if progress != nil {
				progress(done, set.Len())
			}
		}
		if err := loader.Release(b); err != nil {
			return r, err
		}
	}
}

// forward computes the probabilities of a batch.
func (m *Model) forward(b *dataloader.Batch, probs []float32) error {
	if err := m.feed(m.testing, b, 0, 0); err != nil {
		return err
	}
	m.testing.Run()
	return m.testing.Download(Probs, probs)
}

// tally sums up probabilities over views, and results over images.
type tally struct {
	classes    int
	labels     []int32   // by those of the set; -1: does not count
	probs      []float64 // of the current images, the mean over the views so far
	images     int
	loss       float64
	top1, top5 int // wrong
}

// view adds one view of the current images.
func (t *tally) view(probs []float32, views int) {
	for i, p := range probs {
		t.probs[i] += float64(p) / float64(views)
	}
}

// count compares the current images with their labels, and makes room for the next.
func (t *tally) count(labels []int32) {
	for i, label := range labels {
		if label = t.labels[label]; label < 0 {
			continue
		}
		probs := t.probs[i*t.classes : (i+1)*t.classes]
		rank := Rank(probs, int(label))
		if rank >= 1 {
			t.top1++
		}
		if rank >= 5 {
			t.top5++
		}
		t.loss -= math.Log(max(probs[label], math.SmallestNonzeroFloat32)) // fp32 may round a probability to 0
		t.images++
	}
	clear(t.probs)
}

// Rank is how many classes are more probable than a class. Of equal ones the lower number comes first, and a NaN
// before anything.
func Rank(probs []float64, class int) (before int) {
	for k, p := range probs {
		if p > probs[class] || p == probs[class] && k < class || p != p || probs[class] != probs[class] && k != class {
			before++
		}
	}
	return before
}

func (t *tally) result() Result {
	n := float64(t.images)
	return Result{Images: t.images, Classes: t.classes, Loss: t.loss / n, Top1Error: float64(t.top1) / n,
		Top5Error: float64(t.top5) / n}
}

// Predict gives the probabilities of the classes for images as they are stored, each [Height, Width, 3], with the mean
// over 1 or 10 views.
func (m *Model) Predict(ctx context.Context, images [][]byte, views int) (all [][]float64, err error) {
	classes := len(m.Input.Classes)
	probs := make([]float32, m.Batch*classes)
	b, err := dataloader.NewBatch(m.Batch, m.Input.Height*m.Input.Width*3, m.Allocate)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Memory.Wait(), b.Memory.Close()) }()
	for first := 0; first < len(images); first += m.Batch {
		now := images[first:min(first+m.Batch, len(images))]
		if err := b.Memory.Wait(); err != nil {
			return nil, err
		}
		for i, image := range now {
			if want := m.Input.Height * m.Input.Width * 3; len(image) != want {
				return nil, fmt.Errorf("image %d has %d bytes, want %d", first+i, len(image), want)
			}
			copy(b.Images[i*len(image):], image)
		}
		t := tally{classes: classes, probs: make([]float64, len(now)*classes)}
		for _, view := range dataloader.Views(m.Input.Height, m.Input.Width, m.setup.Data.Crop, views) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := b.Memory.Wait(); err != nil {
				return nil, err
			}
			for i := range m.Batch {
				copy(b.Draws[i*dataloader.DrawWidth:], view[:])
			}
			if err := m.forward(b, probs); err != nil {
				return nil, err
			}
			t.view(probs[:len(t.probs)], views)
		}
		for i := range now {
			all = append(all, t.probs[i*classes:(i+1)*classes])
		}
	}
	return all, nil
}
