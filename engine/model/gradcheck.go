package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"duet/dataloader"
	"duet/engine/op"
	"duet/engine/plan"
	"duet/internal/rng"
)

// Check compares one parameter's symbolic gradient with a numeric one.
type Check struct {
	Param   string `json:"param"`
	Samples int    `json:"samples"`
	Faint   int    `json:"faint"` // of the samples: the loss's rounding hides so small a gradient, if it is there at all
	Kinks   int    `json:"kinks"` // samples left out: a rectifier or a maximum changed sides within the difference
	// largest |symbolic - numeric| / max(|symbolic|, |numeric|, 1e-4 of the largest) of the samples that are not faint
	Worst float64 `json:"worst"`
	// largest (|symbolic - numeric| - rounding) / the same, of all: what is wrong
	Excess float64 `json:"excess"`
}

// kinkTries is how many places are tried for each sample, as those at kinks are left out.
const kinkTries = 10

// GradCheck compares gradients with central differences of the loss, at some elements of each parameter, on the
// reference device in fp64:
//
//	numeric = (loss(w+h) - loss(w-h)) / 2h
//
// A step of h may carry a rectifier or a maximum over its edge, where there is no derivative. Such a sample shows in
// that its one-sided differences disagree; it is counted as a kink, and another is taken, up to kinkTries times as
// many.
//
// A difference of losses carries their rounding, divided by h; it is measured, and only what is beyond it is wrong.
//
// progress, unless nil, is told after every sample.
func GradCheck(ctx context.Context, s Setup, in Input, samples int, progress func(done, total int)) ([]Check, error) {
	s.Devices.Precision = "fp64"
	m := &Model{Batch: s.Batch, Input: in, setup: s, results: newResults()}
	if err := m.open(ctx, nil); err != nil {
		return nil, err
	}
	checks, err := m.gradCheck(ctx, samples, progress)
	return checks, errors.Join(err, m.Close())
}

func (m *Model) gradCheck(ctx context.Context, samples int, progress func(done, total int)) ([]Check, error) {
	g, err := m.setup.Graph(m.Input, true)
	if err != nil {
		return nil, err
	}
	m.graph = g
	spec := m.setup.Spec("gradcheck", g)
	spec.Updates, spec.Prepared = nil, func(_, _ int) error { return ctx.Err() }
	for _, param := range g.Params {
		for i, part := range param.Parts {
			if part.Grad != nil {
				spec.Outputs = append(spec.Outputs, plan.Output{Name: partName(param.Name, i), Node: part.Grad})
			}
		}
	}
	if m.training, err = plan.Compile(spec, m.state); err != nil {
		return nil, err
	}
	if err := m.feedRandom(m.training); err != nil {
		return nil, err
	}
	values := map[string][]float64{}
	grads := map[string][]float64{}
	for _, param := range g.Params {
		initial, at := param.Initial(m.setup.Seed), 0
		for i, part := range param.Parts {
			name, n := partName(param.Name, i), part.Rows*(param.Len()/param.Shape[0])
			values[name] = make([]float64, n)
			if part.Grad != nil {
				grads[name] = make([]float64, n)
			}
			for j := range n {
				values[name][j] = float64(initial[at+j])
			}
			at += n
			if err := m.state.Upload(name, values[name]); err != nil {
				return nil, err
			}
		}
	}
	m.training.Run()
	for name, into := range grads {
		if err := m.training.Download(name, into); err != nil {
			return nil, err
		}
	}
	rounding, err := m.lossRounding(values)
	if err != nil {
		return nil, err
	}
	var checks []Check
	for i, param := range g.Params {
		if param.Frozen {
			continue
		}
		c, err := m.checkParam(param, values, grads, samples, rounding, func(done int) error {
			if progress != nil {
				progress(i*samples+done, len(g.Params)*samples)
			}
			return ctx.Err()
		})
		if err != nil {
			return checks, err
		}
		checks = append(checks, c)
	}
	return checks, nil
}

// lossRounding is how much of the loss is rounding: how far it moves when all parameters do in their last digits.
func (m *Model) lossRounding(values map[string][]float64) (float64, error) {
	const moves, digit = 8, 0x1p-52
	var losses []float64
	for k := moves; k >= 0; k-- { // at last as they were
		for name, w := range values {
			moved := slices.Clone(w)
			for i := range moved {
				moved[i] *= 1 + float64(k)*digit
			}
			if err := m.state.Upload(name, moved); err != nil {
				return 0, err
			}
		}
		loss, err := m.lossNow()
		if err != nil {
			return 0, err
		}
		losses = append(losses, loss)
	}
	return max(slices.Max(losses)-slices.Min(losses), 4*digit*max(1, slices.Max(losses))), nil
}

// checkParam compares at random places. told, after each, says whether to go on.
func (m *Model) checkParam(param Param, values, grads map[string][]float64, samples int, rounding float64,
	told func(done int) error) (Check, error) {
	c := Check{Param: param.Name}
	largest := 0.
	for i := range param.Parts {
		for _, g := range grads[partName(param.Name, i)] {
			largest = max(largest, math.Abs(g))
		}
	}
	random := rng.New(m.setup.Seed, rng.Generate, rng.StreamOf(param.Name), 1)
	for k := 0; k < kinkTries*samples && c.Samples < samples; k++ {
		if err := told(c.Samples); err != nil {
			return c, err
		}
		name := partName(param.Name, random.Intn(uint64(2*k), len(param.Parts)))
		w := values[name]
		at := random.Intn(uint64(2*k+1), len(w))
		// The cube root of fp64's rounding error balances it against the difference's own error, h^2.
		h := 6e-6 * max(1, math.Abs(w[at]))
		var loss [3]float64
		for i, d := range []float64{-h, 0, h} {
			var err error
			if loss[i], err = m.lossAt(name, w, at, d); err != nil {
				return c, err
			}
		}
		symbolic, numeric := grads[name][at], (loss[2]-loss[0])/(2*h)
		left, right := (loss[1]-loss[0])/h, (loss[2]-loss[1])/h
		noise := 2 * rounding / h // of numeric; each of left and right has twice as much
		scale := max(math.Abs(symbolic), math.Abs(numeric), 1e-4*largest)
		if math.Abs(left-right) > 1e-3*scale+4*noise {
			c.Kinks++
			continue
		}
		c.Samples++
		differ := math.Abs(symbolic - numeric)
		if scale <= noise {
			c.Faint++
		} else {
			c.Worst = max(c.Worst, differ/scale)
		}
		if wrong := differ - noise; !(wrong <= 0) { // a NaN is wrong
			c.Excess = max(c.Excess, wrong/scale)
		}
	}
	return c, m.state.Upload(partName(param.Name, 0), values[partName(param.Name, 0)])
}

// lossAt is the loss with one value of a parameter changed.
func (m *Model) lossAt(name string, w []float64, at int, by float64) (float64, error) {
	was := w[at]
	w[at] += by
	err := m.state.Upload(name, w)
	w[at] = was
	if err != nil {
		return 0, err
	}
	loss, err := m.lossNow()
	if err != nil {
		return 0, err
	}
	return loss, m.state.Upload(name, w)
}

// lossNow is the loss with the parameters as they are.
func (m *Model) lossNow() (float64, error) {
	m.training.Run()
	var loss [1]float64
	if err := m.training.Download(Loss, loss[:]); err != nil {
		return 0, fmt.Errorf("loss: %w", err)
	}
	return loss[0], nil
}

// RandomInput is an input for networks that no data set belongs to: benchmarks and gradient checks.
func RandomInput(c dataloader.Config, classes int) Input {
	side := max(c.Size, c.Crop)
	in := Input{Height: side, Width: side, Classes: make([]string, classes), MeanShape: []int{3, 1, 1},
		Mean: []float32{124, 117, 104}}
	if c.Mean == dataloader.MeanImage {
		in.MeanShape = []int{3, side, side}
		in.Mean = make([]float32, op.Type{Shape: in.MeanShape}.Len())
		for i := range in.Mean {
			in.Mean[i] = 117
		}
	}
	return in
}
