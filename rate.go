package duet

import (
	"context"
	"errors"
	"fmt"
	"math"

	"duet/dataloader"
	"duet/dataloader/prepare"
	"duet/engine/look"
	"duet/engine/model"
	"duet/internal/invalid"
)

// RateOptions are those of a range test of the learning rate.
type RateOptions struct {
	Least, Most float64 // the first rate and the last one; 0: 1e-6 and 1
	Steps       int     // at most; 0 is 100
	Hooks
}

// RateTest is what a range test of the learning rate came to.
type RateTest struct {
	Points    []RatePoint
	Suggested float64 // a tenth of Least; NaN where the loss never falls
	Least     float64 // where the smoothed loss is least
	Steepest  float64 // where the smoothed loss falls fastest, over the logarithm of the rate; NaN where it never falls
}

// RatePoint is a step of it.
type RatePoint struct {
	Rate     float64 `json:"rate"`
	Loss     float64 `json:"loss"`
	Smoothed float64 `json:"smoothed"`
}

const (
	rateSmoothing = 0.9 // weight of the past
	rateRises     = 4   // the test ends where the smoothed loss is so many times its least
)

// FindRate trains from the configuration's initial weights with a rate that grows by the same factor each step, until
// the loss explodes: the range test of Smith (arXiv 1506.01186). Nothing is recorded.
func FindRate(ctx context.Context, config *Config, o RateOptions) (t RateTest, err error) {
	if o.Least == 0 {
		o.Least = 1e-6
	}
	if o.Most == 0 {
		o.Most = 1
	}
	if o.Steps == 0 {
		o.Steps = 100
	}
	if !(o.Least > 0 && o.Most > o.Least && !math.IsInf(o.Most, 0)) {
		return t, invalid.Key("rate", "%v to %v, want two numbers above 0, the larger one last", o.Least, o.Most)
	}
	if o.Steps < 10 {
		return t, invalid.Key("steps", "%d, want at least 10", o.Steps)
	}
	c := *config
	if err := o.resolve(&c); err != nil {
		return t, err
	}
	data, err := o.openData(ctx, c.Data, func(outline prepare.Outline) error { return foresee(&c, outline) })
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	setup := c.Setup()
	m, err := o.newModel(ctx, &setup, model.InputOf(data.Train, c.Data), model.ForBench)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := m.Initialise(c.Train.Seed); err != nil {
		return t, err
	}
	loader := dataloader.NewTrainLoader(data.Train, c.Data, m.Batch, c.Train.Seed, 0, m.Allocate)
	defer func() { err = errors.Join(err, loader.Close()) }()
	defer o.ended()
	for step := range o.Steps {
		rate := o.Least * math.Pow(o.Most/o.Least, float64(step)/float64(o.Steps-1))
		loss, err := rateStep(ctx, m, loader, uint64(step), rate)
		if err != nil {
			return t, err
		}
		if o.Progress != nil {
			o.Progress(Progress{What: "trying rates", Unit: "steps", Done: step + 1, Total: o.Steps})
		}
		if exploded := t.add(rate, loss); exploded {
			break
		}
	}
	t.judge()
	return t, nil
}

func rateStep(ctx context.Context, m *model.Model, loader *dataloader.Loader, step uint64, rate float64) (float64,
	error) {
	b, err := loader.Next(ctx)
	if err != nil {
		return 0, err
	}
	if err := m.Step(b, step, rate); err != nil {
		return 0, err
	}
	loss, _, err := m.Progress()
	return loss, errors.Join(err, loader.Release(b))
}

// add takes a step, and says whether its loss is the last that is of interest.
func (t *RateTest) add(rate, loss float64) (exploded bool) {
	t.Points = append(t.Points, RatePoint{Rate: rate, Loss: loss})
	losses := make([]float64, len(t.Points))
	least := math.Inf(1)
	for i, p := range t.Points {
		losses[i] = p.Loss
		if i > 0 {
			least = min(least, t.Points[i-1].Smoothed)
		}
	}
	p := &t.Points[len(t.Points)-1]
	p.Smoothed = look.Smooth(losses, rateSmoothing)[len(losses)-1]
	return !(p.Smoothed <= rateRises*least) && len(losses) > 1
}

// judge finds the rates of interest among the points, the slope being that over a tenth of them.
func (t *RateTest) judge() {
	n := len(t.Points)
	wide, steepest := max(n/10, 2), 0.
	t.Steepest, t.Least = math.NaN(), math.NaN()
	least := math.Inf(1)
	for i, p := range t.Points {
		if p.Smoothed < least {
			least, t.Least = p.Smoothed, p.Rate
		}
		if i < wide {
			continue
		}
		before := t.Points[i-wide]
		if slope := (p.Smoothed - before.Smoothed) / math.Log(p.Rate/before.Rate); slope < steepest {
			steepest, t.Steepest = slope, t.Points[i-wide/2].Rate
		}
	}
	if t.Suggested = t.Least / 10; math.IsNaN(t.Steepest) {
		t.Suggested = math.NaN()
	}
}

// Chart draws the losses over the rates, with the one that is suggested.
func (t RateTest) Chart() look.Chart {
	loss, smoothed := look.Curve{Name: "loss", Faint: true}, look.Curve{Name: "smoothed"}
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range t.Points {
		smoothed.X, smoothed.Y = append(smoothed.X, p.Rate), append(smoothed.Y, p.Smoothed)
		low, high = min(low, p.Smoothed), max(high, p.Smoothed)
	}
	for _, p := range t.Points {
		if p.Loss <= high { // else there would be nothing to see of the others
			loss.X, loss.Y = append(loss.X, p.Rate), append(loss.Y, p.Loss)
		}
	}
	c := look.Chart{X: "learning rate", Y: "loss, nats", LogX: true, Curves: []look.Curve{loss, smoothed}}
	if !math.IsNaN(t.Suggested) {
		c.Curves = append(c.Curves, look.Curve{Name: fmt.Sprintf("suggested, %.2g", t.Suggested), Group: 1,
			X: []float64{t.Suggested, t.Suggested}, Y: []float64{low, high}})
	}
	return c
}
