package model

import (
	"context"
	"errors"
	"time"

	"duet/dataloader"
	"duet/dataloader/packed"
)

// Feed compares training from a packed set with training on a batch that is there already.
type Feed struct {
	ImagesPerSecond float64 `json:"images_per_second"` // with batches from the set
	StepMS          float64 `json:"step_ms"`
	ResidentMS      float64 `json:"resident_step_ms"` // without
	Slower          float64 `json:"slower"`           // StepMS / ResidentMS - 1, the median over the rounds
	WaitMS          float64 `json:"data_wait_ms"`     // of a step, for its batch
	Ready           float64 `json:"data_ready"`       // share of the batches that were ready when they were asked for
	Rounds          int     `json:"rounds"`
	Steps           int     `json:"steps"` // of each kind in a round
}

// BenchData measures, in turn and several rounds, steps on one resident batch and steps on batches of a set, each run
// of steps as a training does them: without waiting for one before the next is started. The first batches of a set are
// taken beforehand, so that those that were made ready while nothing trained are not counted.
func (m *Model) BenchData(ctx context.Context, set *packed.Set, steps, rounds int,
	progress func(done, total int)) (f Feed, err error) {
	if err := m.Initialise(1); err != nil {
		return f, err
	}
	loader := dataloader.NewTrainLoader(set, m.setup.Data, m.Batch, 1, 0, m.Allocate)
	defer func() {
		if e := loader.Close(); err == nil { // after a failure it only says again what the device said
			err = e
		}
	}()
	total, done := rounds*2*steps, 0
	tell := func() error {
		if done++; progress != nil {
			progress(min(done, total), total)
		}
		return ctx.Err()
	}
	resident := func(n int) error {
		for range n {
			m.training.Run()
			if err := tell(); err != nil {
				return err
			}
		}
		return nil
	}
	fed := func(n int) error {
		for range n {
			b, err := loader.Next(ctx)
			if err != nil {
				return err
			}
			if err := m.Step(b, uint64(done), 1e-4); err != nil {
				return err
			}
			if err := errors.Join(loader.Release(b), tell()); err != nil {
				return err
			}
		}
		return nil
	}
	timed := func(run func(n int) error, n int) (ms float64, err error) {
		began := time.Now()
		if err := run(n); err != nil {
			return 0, err
		}
		_, _, err = m.Progress()
		return time.Since(began).Seconds() * 1000 / float64(n), err
	}
	drain := m.setup.Data.Prefetch + 2
	if err := m.feedRandom(m.training); err != nil {
		return f, err
	}
	if _, err := timed(resident, 2); err != nil { // warm up
		return f, err
	}
	done = 0
	var with, without, slower []float64
	var counted dataloader.Counters
	for range rounds {
		a, err := timed(resident, steps)
		if err != nil {
			return f, err
		}
		if err := fed(drain); err != nil {
			return f, err
		}
		if _, _, err := m.Progress(); err != nil {
			return f, err
		}
		before := loader.Counters()
		b, err := timed(fed, steps)
		if err != nil {
			return f, err
		}
		counted = counted.Plus(loader.Counters().Since(before))
		with, without, slower = append(with, b), append(without, a), append(slower, b/a-1)
	}
	f = Feed{StepMS: median(with), ResidentMS: median(without), Slower: median(slower), Rounds: rounds, Steps: steps}
	f.Ready, f.WaitMS = counted.Means()
	f.ImagesPerSecond = float64(m.Batch) / f.StepMS * 1000
	return f, nil
}
