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

// A Test says how a model is tested on a set.
type Test struct {
	Views    int                   // of an image, whose mean counts: 1 or 10
	From     int                   // the first image that is tested
	Progress func(done, total int) // told after every batch how many images are done; may be nil
	Each     func(Tested) error    // told of every image, in order; its error ends the test; may be nil

	Features *dataloader.Features // of the set, where a model for training was made to cache them
}

// Tested is an image of a test. What Test.Each is told of is overwritten after it.
type Tested struct {
	Index       int         // in the set
	Label       int         // of the network; -1 where it has not learned the image's class
	Probs       []float64   // of the classes
	Activations [][]float32 // of each of Setup.Keep, the mean over the views
}

// Evaluate tests the model on a set, with 1 or 10 views an image whose probabilities are averaged. Classes are matched
// as Input.Match does; images of those that the network has not learned do not count.
func (m *Model) Evaluate(ctx context.Context, set *packed.Set, o Test) (r Result, err error) {
	var rows dataloader.Rows
	if o.Features != nil {
		rows = o.Features
	}
	loader := dataloader.NewEvalLoaderOf(rows, set, m.setup.Data, m.Batch, o.Views, o.From, m.AllocateFor(o.Features))
	defer func() {
		if e := loader.Close(); err == nil { // after a failure it only says again what the device said
			err = e
		}
	}()
	t := m.tally()
	t.labels = m.Input.Match(set.Classes())
	done := o.From
	for {
		b, err := loader.Next(ctx)
		if err == io.EOF {
			return t.score.Result(t.classes), nil
		}
		if err == nil {
			err = m.view(b, t, o.Views)
		}
		if err != nil {
			return r, err
		}
		if b.View == o.Views-1 {
			if err := t.count(b, o.Each); err != nil {
				return r, err
			}
			done += b.Valid
			if o.Progress != nil {
				o.Progress(done, set.Len())
			}
		}
		if err := loader.Release(b); err != nil {
			return r, err
		}
	}
}

// view adds what a view of a batch gives to a tally.
func (m *Model) view(b *dataloader.Batch, t *tally, views int) error {
	if err := m.feed(m.testing, b, 0, 0); err != nil {
		return err
	}
	m.testing.Run()
	if err := m.testing.Download(Probs, t.now); err != nil {
		return err
	}
	for i, p := range t.now {
		t.probs[i] += float64(p) / float64(views)
	}
	for k, a := range m.kept {
		if err := m.activations(a, t.kept[k], views); err != nil {
			return err
		}
	}
	return nil
}

// tally sums up probabilities and activations over views, and results over images.
type tally struct {
	classes int
	labels  []int32     // by those of the set; -1: does not count
	now     []float32   // probabilities of a view
	probs   []float64   // of the current images, the mean over the views so far
	kept    [][]float32 // activations, likewise, a row for each of Setup.Keep
	score   Score
}

// Score sums up what a test comes to.
type Score struct {
	images     int
	loss       float64
	top1, top5 int // wrong
}

// Add counts an image of a class, by the probabilities that the classes were given.
func (s *Score) Add(probs []float64, label int) {
	rank := Rank(probs, label)
	if rank >= 1 {
		s.top1++
	}
	if rank >= 5 {
		s.top5++
	}
	s.loss += CrossEntropy(probs[label])
	s.images++
}

// Result is that of a test of a network of so many classes.
func (s *Score) Result(classes int) Result {
	n := float64(s.images)
	return Result{Images: s.images, Classes: classes, Loss: s.loss / n, Top1Error: float64(s.top1) / n,
		Top5Error: float64(s.top5) / n}
}

// tally makes room for a batch.
func (m *Model) tally() *tally {
	t := &tally{classes: len(m.Input.Classes)}
	t.now, t.probs = make([]float32, m.Batch*t.classes), make([]float64, m.Batch*t.classes)
	for _, a := range m.kept {
		t.kept = append(t.kept, make([]float32, m.Batch*a.Len()))
	}
	return t
}

// image is what there is of image i of the batch.
func (t *tally) image(i int) (probs []float64, activations [][]float32) {
	for _, rows := range t.kept {
		width := len(rows) * t.classes / len(t.probs)
		activations = append(activations, rows[i*width:(i+1)*width])
	}
	return t.probs[i*t.classes : (i+1)*t.classes], activations
}

// count compares the current images with their labels, and makes room for the next.
func (t *tally) count(b *dataloader.Batch, each func(Tested) error) error {
	for i, of := range b.Labels[:b.Valid] {
		label, probs := int(t.labels[of]), t.probs[i*t.classes:(i+1)*t.classes]
		if each != nil {
			_, activations := t.image(i)
			if err := each(Tested{int(b.Index[i]), label, probs, activations}); err != nil {
				return err
			}
		}
		if label >= 0 {
			t.score.Add(probs, label)
		}
	}
	t.clear()
	return nil
}

func (t *tally) clear() {
	clear(t.probs)
	for _, rows := range t.kept {
		clear(rows)
	}
}

// CrossEntropy is the cross entropy, in nats, of a class that was given a probability; fp32 may round that to 0.
func CrossEntropy(probability float64) float64 {
	return -math.Log(max(probability, math.SmallestNonzeroFloat32))
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

// Predict gives the probabilities of the classes for images as they are stored, each [Height, Width, 3], with the mean
// over 1 or 10 views, and the activations of each of Setup.Keep.
func (m *Model) Predict(ctx context.Context, images [][]byte, views int) (all []Tested, err error) {
	b, err := dataloader.NewBatch(m.Batch, m.Input.Height*m.Input.Width*3, dataloader.DrawWidth, m.Allocate)
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
		t := m.tally()
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
			if err := m.view(b, t, views); err != nil {
				return nil, err
			}
		}
		for i := range now {
			probs, activations := t.image(i)
			all = append(all, Tested{first + i, -1, probs, activations})
		}
	}
	return all, nil
}
