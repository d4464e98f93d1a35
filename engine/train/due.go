package train

import "math"

// due says whether something that happens every so many epochs or steps happens after a number of steps.
func due(step uint64, epochs float64, steps uint64, c Clock) bool {
	if step == 0 {
		return false
	}
	if steps > 0 && step%steps == 0 {
		return true
	}
	if epochs == 0 {
		return false
	}
	// whole periods, whatever the division rounded
	period := func(s uint64) uint64 { return uint64(c.Epoch(s)/epochs + 1e-9) }
	return period(step) > period(step-1)
}

// clock is the length of a training.
func (c *Solver) clock(images int, from Origin) Clock {
	clock := Clock{Batch: c.Batch, Images: images, From: from}
	clock.Steps = c.MaxSteps
	if c.Epochs > 0 {
		if steps := clock.StepAt(c.Epochs); clock.Steps == 0 || steps < clock.Steps {
			clock.Steps, clock.ByEpochs = steps, true
		}
	}
	return clock
}

func (c *Solver) validates(step uint64, clock Clock) bool {
	if c.ValidateEpochs == 0 && c.ValidateSteps == 0 {
		return false
	}
	return step == clock.Steps || due(step, c.ValidateEpochs, c.ValidateSteps, clock)
}

func (c *Solver) saves(step uint64, clock Clock) bool {
	return step == clock.Steps || due(step, c.CheckpointEpochs, c.CheckpointSteps, clock) || step == 0 && c.CheckpointStart
}

// reports says whether the loss of a step is read.
func (c *Solver) reports(step uint64, clock Clock) bool {
	return step == 1 || step%max(1, c.ReportSteps) == 0 || c.validates(step, clock) || c.saves(step, clock) ||
		step == clock.Steps
}

// over says whether nothing is left to train.
func (r *run) over() bool { return r.step >= r.clock.Steps || r.plateau.Ended || r.stale() }

// stale says whether the validation just done is so many epochs after the best one that the training is to end.
func (r *run) stale() bool {
	c := r.Config.Train
	return c.StopEpochs > 0 && r.checked == r.step && !math.IsNaN(r.best) &&
		r.step >= r.clock.StepAt(r.clock.Epoch(r.bestStep)+c.StopEpochs)
}
