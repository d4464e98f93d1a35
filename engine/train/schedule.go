package train

import "math"

// Clock tells the length of epochs, and of the training, in steps.
type Clock struct {
	Batch, Images int    // images a step and an epoch
	Steps         uint64 // of the whole training
	ByEpochs      bool   // Steps is that of a number of epochs
	From          Origin
}

// Origin is where a run last went on with another batch. It is kept in checkpoints; the zero value is of a run that
// never did.
type Origin struct {
	Step   uint64 `json:"step"`   // steps that were done
	Images uint64 `json:"images"` // that were seen in them
	Batch  int    `json:"batch"`  // of the last of them

	Before *Origin `json:"before,omitempty"` // where it went on with that batch; nil: it began so
}

// Seen is how many images have been seen after a number of steps.
func (c Clock) Seen(steps uint64) uint64 {
	if steps < c.From.Step && c.From.Before != nil {
		return Clock{Batch: c.From.Batch, From: *c.From.Before}.Seen(steps)
	}
	if steps < c.From.Step {
		return c.From.Images - min((c.From.Step-steps)*uint64(c.From.Batch), c.From.Images)
	}
	return c.From.Images + (steps-c.From.Step)*uint64(c.Batch)
}

// Epoch is how many epochs have passed after a number of steps.
func (c Clock) Epoch(steps uint64) float64 { return float64(c.Seen(steps)) / float64(c.Images) }

// StepAt is the first step at or after an epoch.
func (c Clock) StepAt(epoch float64) uint64 {
	const rounding = 1e-9 // of the division
	left := epoch*float64(c.Images) - float64(c.From.Images)
	if left < 0 {
		return c.From.Step - uint64(min(math.Floor(-left/float64(c.From.Batch)+rounding), float64(c.From.Step)))
	}
	return c.From.Step + uint64(math.Ceil(left/float64(c.Batch)-rounding))
}

// done is the part of the training that has passed after a number of steps, 0 to 1: of its images where epochs say
// when it ends, else of its steps.
func (c Clock) done(steps uint64) float64 {
	if c.ByEpochs {
		return float64(c.Seen(steps)) / float64(max(c.Seen(c.Steps), 1))
	}
	return float64(steps) / float64(max(c.Steps, 1))
}

// Plateau is the state of the plateau schedule, which alone depends on what happened. It is kept in checkpoints.
type Plateau struct {
	Drops int     `json:"drops"` // reductions so far
	Best  float64 `json:"best"`  // lowest validation error so far; above 1 before the first validation
	Bad   int     `json:"bad"`   // validations since
	// another reduction was due where the schedule allows no more: the paper's end of training
	Ended bool `json:"ended"`
}

// NewPlateau is the state before the first validation.
func NewPlateau() Plateau { return Plateau{Best: 2} }

// Observe takes a validation's top-1 error into account, 0 to 1.
func (p *Plateau) Observe(s Schedule, top1 float64) {
	if s.Type != "plateau" {
		return
	}
	if top1 < p.Best-s.Threshold {
		p.Best, p.Bad = top1, 0
		return
	}
	if p.Bad++; p.Bad < s.Patience {
		return
	}
	p.Bad = 0
	if p.Drops == s.Drops {
		p.Ended = true
		return
	}
	p.Drops++
}

// At is the learning rate of a step, the first being step 0:
//
//	fixed     rate
//	step      rate * gamma^k, k = how many reductions lie at or before the step
//	exp       rate * gamma^(t/every), continuously
//	plateau   rate * gamma^drops
//	linear    from rate to final_rate in a line over the whole training
//	cosine    from rate to final_rate in half a cosine over the whole training
//
// times (step+1)/warmup_steps while that is below 1.
func (s Schedule) At(step uint64, c Clock, p Plateau) float64 {
	rate := s.Rate * s.factor(step, c, p)
	switch done := c.done(step); s.Type {
	case "linear":
		rate = s.Rate + (s.FinalRate-s.Rate)*done
	case "cosine":
		rate = s.FinalRate + (s.Rate-s.FinalRate)*(1+math.Cos(math.Pi*done))/2
	}
	if step < s.WarmupSteps {
		rate *= float64(step+1) / float64(s.WarmupSteps)
	}
	return rate
}

func (s Schedule) factor(step uint64, c Clock, p Plateau) float64 {
	periods := 0.
	switch {
	case s.EverySteps > 0:
		periods = float64(step) / float64(s.EverySteps)
	case s.EveryEpochs > 0:
		periods = c.Epoch(step) / s.EveryEpochs
	}
	switch s.Type {
	case "step":
		reductions := math.Floor(periods + 1e-9) // a whole number of periods counts, whatever the division rounded
		for _, e := range s.AtEpochs {
			if step >= c.StepAt(e) {
				reductions++
			}
		}
		return math.Pow(s.Gamma, reductions)
	case "exp":
		return math.Pow(s.Gamma, periods)
	case "plateau":
		return math.Pow(s.Gamma, float64(p.Drops))
	}
	return 1
}
