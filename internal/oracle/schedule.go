package oracle

import "math"

// plateau is how far a schedule of that type has come.
type plateau struct {
	best       float64 // lowest error so far
	bad, drops int     // validations since then or since the last reduction; reductions
	ended      bool
}

// Observe tells the schedule of a validation's top-1 error: after so many validations without an improvement the rate
// is reduced, and where no reduction is left the training ends.
func (o *Oracle) Observe(top1 float64) {
	s, p := o.config.Train.Schedule, &o.plateau
	if s.Type != "plateau" {
		return
	}
	if top1 < p.best-s.Threshold {
		p.best, p.bad = top1, 0
		return
	}
	if p.bad++; p.bad == s.Patience {
		p.bad = 0
		if p.drops == s.Drops {
			p.ended = true
		} else {
			p.drops++
		}
	}
}

// epochs is how many epochs have passed after a number of steps.
func (o *Oracle) epochs(steps int) float64 {
	return float64(steps*o.config.Train.Batch) / float64(len(o.set.Train.Images))
}

// almost makes good what a division has rounded, where a whole number decides.
const almost = 1e-9

// steps is the number of the first step at or after an epoch.
func (o *Oracle) steps(epoch float64) int {
	return int(math.Ceil(epoch*float64(len(o.set.Train.Images))/float64(o.config.Train.Batch) - almost))
}

// Steps is how many steps the training has.
func (o *Oracle) Steps() int {
	steps := o.config.Train.MaxSteps
	if t := o.config.Train; t.Epochs > 0 && (steps == 0 || o.steps(t.Epochs) < steps) {
		steps = o.steps(t.Epochs)
	}
	return steps
}

// Ended says whether a number of steps is all.
func (o *Oracle) Ended(done int) bool { return done >= o.Steps() || o.plateau.ended }

// Validates says whether there is a validation after a number of steps.
func (o *Oracle) Validates(done int) bool {
	t := o.config.Train
	if t.ValidateSteps == 0 && t.ValidateEpochs == 0 || done == 0 {
		return false
	}
	periods := func(steps int) float64 { return math.Floor(o.epochs(steps)/t.ValidateEpochs + almost) }
	return done == o.Steps() || t.ValidateSteps > 0 && done%t.ValidateSteps == 0 ||
		t.ValidateEpochs > 0 && periods(done) > periods(done-1)
}

// Rate is the learning rate of a step, the first being step 0.
func (o *Oracle) Rate(step int) float64 {
	s := o.config.Train.Schedule
	rate, done := s.Rate, float64(step)/float64(o.Steps())
	periods := 0.0 // since the start
	if s.EverySteps > 0 {
		periods = float64(step) / float64(s.EverySteps)
	} else if s.EveryEpochs > 0 {
		periods = o.epochs(step) / s.EveryEpochs
	}
	switch s.Type {
	case "step": // reduced after whole periods, or after certain epochs
		rate *= math.Pow(s.Gamma, math.Floor(periods+almost))
		for _, epoch := range s.AtEpochs {
			if step >= o.steps(epoch) {
				rate *= s.Gamma
			}
		}
	case "exp":
		rate *= math.Pow(s.Gamma, periods)
	case "plateau":
		rate *= math.Pow(s.Gamma, float64(o.plateau.drops))
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
