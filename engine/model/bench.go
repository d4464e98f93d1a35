package model

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"duet/engine/limits"
	"duet/engine/op"
	"duet/engine/plan"
	"duet/internal/rng"
)

// Speed is how fast a network trains on data that is there already.
type Speed struct {
	ImagesPerSecond float64     `json:"images_per_second"` // from the median
	StepMS          float64     `json:"step_ms_median"`    // of the parts' means
	StepMinMS       float64     `json:"step_ms_min"`
	Batch           int         `json:"batch"`
	Precision       string      `json:"precision"`
	Devices         []string    `json:"devices"`
	Parameters      int         `json:"parameters"`
	Steps           int         `json:"steps"`
	GFLOPs          float64     `json:"gflop_per_step"` // convolutions and linear layers
	GFLOPS          float64     `json:"gflops"`         // of those, a second
	Card            string      `json:"card,omitempty"` // whose limits are those of Kernels
	Kernels         []StepTime  `json:"kernels"`        // each step of the plan, median of profiled runs
	Layers          []LayerTime `json:"layers"`
	WaitMS          []float64   `json:"wait_ms"` // by device, of a profiled run: for other devices and copies from them
}

// StepTime is how long a step of the plan took.
type StepTime struct {
	Device string  `json:"device"`
	Layer  string  `json:"layer"`
	Op     string  `json:"op"`
	Kernel string  `json:"kernel"`
	MS     float64 `json:"ms"`
	GFLOPS float64 `json:"gflops,omitempty"`
	GBPS   float64 `json:"gb_per_second"` // of the operands, each counted once

	LimitMS float64 `json:"limit_ms,omitempty"` // what a card allows at best
	By      string  `json:"by,omitempty"`       // what that is due to, as package limits names it
	Share   float64 `json:"share,omitempty"`    // LimitMS of MS
}

// LayerTime is how long a layer took, in milliseconds.
type LayerTime struct {
	Device   string  `json:"device"`
	Layer    string  `json:"layer"`
	Forward  float64 `json:"forward_ms"`
	Backward float64 `json:"backward_ms"`
	Update   float64 `json:"update_ms"`
	GFLOPS   float64 `json:"gflops,omitempty"` // of forward and backward
}

// Bench measures whole training steps, augmentation included, on one batch of random pixels that stays where it is.
// The steps are done in up to five parts, of which each runs as a training does, without waiting for one step before
// the next is started, between two waits for the devices. progress, unless nil, is told of every step that is started;
// ctx ends the measurement as soon as those that are started are done, of which a device holds a few.
func (m *Model) Bench(ctx context.Context, steps int, progress func(done, total int)) (Speed, error) {
	if err := m.Initialise(1); err != nil {
		return Speed{}, err
	}
	if err := m.feedRandom(m.training); err != nil {
		return Speed{}, err
	}
	const warmup, profiles, most = 2, 3, 5
	done, total := 0, warmup+steps+profiles
	tell := func() {
		if done++; progress != nil {
			progress(done, total)
		}
	}
	part := func(n int) (ms float64, err error) { return m.timed(ctx, n, tell) }
	if _, err := part(warmup); err != nil {
		return Speed{}, err
	}
	var times []float64
	for parts := min(most, steps); parts > 0; parts-- {
		ms, err := part((warmup + steps - done) / parts)
		if err != nil {
			return Speed{}, err
		}
		times = append(times, ms)
	}
	s := Speed{StepMS: median(times), StepMinMS: slices.Min(times), Batch: m.Batch, Precision: m.setup.Devices.Precision,
		Devices: m.setup.Devices.Towers, Parameters: m.Parameters(), Steps: steps}
	s.ImagesPerSecond = float64(m.Batch) / s.StepMS * 1000
	profile, waited := make([][]time.Duration, profiles), make([][]time.Duration, profiles)
	for i := range profiles {
		if err := ctx.Err(); err != nil {
			return Speed{}, err
		}
		var err error
		if profile[i], waited[i], err = m.training.Profile(); err != nil {
			return Speed{}, err
		}
		tell()
	}
	s.attribute(m.training.Report(), profile)
	for d := range waited[0] {
		s.WaitMS = append(s.WaitMS, medianOf(waited, d))
	}
	return s, nil
}

// timed does some training steps, waiting for none before the next is started, and then for all: milliseconds for each.
// tell, unless nil, is told of each that is started.
func (m *Model) timed(ctx context.Context, steps int, tell func()) (ms float64, err error) {
	began := time.Now()
	for range steps {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		m.training.Run()
		if tell != nil {
			tell()
		}
	}
	if _, _, err := m.Progress(); err != nil {
		return 0, err
	}
	return time.Since(began).Seconds() * 1000 / float64(steps), nil
}

// feedRandom uploads a batch of random pixels and labels.
func (m *Model) feedRandom(p *plan.Plan) error {
	random := rng.New(1, rng.Generate, 0, 0)
	for name, t := range p.Inputs() {
		var host any
		switch n := t.Len(); {
		case name == Images:
			pixels := make([]uint8, n)
			for i := 0; i < n; i += 4 {
				w := random.Uint32(uint64(i / 4))
				for j := i; j < min(i+4, n); j++ {
					pixels[j], w = uint8(w), w>>8
				}
			}
			host = pixels
		case name == Labels:
			labels := make([]int32, n)
			for i := range labels {
				labels[i] = int32(random.Intn(uint64(i), len(m.Input.Classes)))
			}
			host = labels
		case name == Counters:
			host = make([]uint32, n)
		case name == Mean:
			host = m.Input.Mean
		case name == Weights:
			host = m.setup.classWeights(m.Input)
		case name == plan.Rate:
			host = []float32{1e-4}
		case name == Draws: // the first crop, as it is
			draws := make([]float32, n)
			for i := 0; t.Shape[1] == op.WarpDraws && i < n; i += op.WarpDraws {
				copy(draws[i:], []float32{0, 1, 0, 0, 0, 1, 1, 1})
			}
			host = draws
		case t.DType == op.Float:
			host = make([]float32, n)
		default:
			return fmt.Errorf("no random values for input %s %v", name, t)
		}
		if err := p.Upload(name, host); err != nil {
			return err
		}
	}
	return nil
}

// medianOf is of the i-th times of several runs, in milliseconds.
func medianOf(runs [][]time.Duration, i int) float64 {
	var ms []float64
	for _, times := range runs {
		ms = append(ms, float64(times[i].Nanoseconds())/1e6)
	}
	return median(ms)
}

// attribute divides the time among kernels and layers.
func (s *Speed) attribute(r plan.Report, profile [][]time.Duration) {
	layers := map[[2]string]int{}
	flops := map[[2]string]float64{}
	for i, step := range r.Steps {
		t := StepTime{Device: step.Device, Layer: step.Layer, Op: step.Op, Kernel: step.Kernel, MS: medianOf(profile, i)}
		if t.MS > 0 {
			t.GFLOPS, t.GBPS = step.FLOPs/t.MS/1e6, float64(step.Moved.Bytes(s.Precision))/t.MS/1e6
		}
		s.Kernels = append(s.Kernels, t)
		s.GFLOPs += step.FLOPs / 1e9
		key := [2]string{step.Device, step.Layer}
		at, seen := layers[key]
		if !seen {
			at = len(s.Layers)
			layers[key] = at
			s.Layers = append(s.Layers, LayerTime{Device: step.Device, Layer: step.Layer})
		}
		flops[key] += step.FLOPs
		switch l := &s.Layers[at]; {
		case step.Update:
			l.Update += t.MS
		case step.Backward:
			l.Backward += t.MS
		default:
			l.Forward += t.MS
		}
	}
	for i := range s.Layers {
		l := &s.Layers[i]
		if ms := l.Forward + l.Backward; ms > 0 {
			l.GFLOPS = flops[[2]string{l.Device, l.Layer}] / ms / 1e6
		}
	}
	s.GFLOPS = s.GFLOPs / s.StepMS * 1000
	slices.SortStableFunc(s.Layers, func(a, b LayerTime) int { return cmp.Compare(a.Device, b.Device) })
}

// Hold holds the kernels that Bench measured against what a card allows.
func (m *Model) Hold(s *Speed, card limits.Card) {
	s.Card = card.Name
	for i, step := range m.training.Report().Steps {
		k := &s.Kernels[i]
		if k.LimitMS, k.By = card.Limit(step, s.Precision); k.MS > 0 {
			k.Share = k.LimitMS / k.MS
		}
	}
}

func median(xs []float64) float64 {
	sorted := slices.Clone(xs)
	slices.Sort(sorted)
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
