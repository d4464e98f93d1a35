package train_test

import (
	"math"
	"testing"

	"duet/engine/train"
)

// rateTol is the relative rounding of a power or a cosine.
const rateTol = 1e-12

func near(got, want float64) bool { return math.Abs(got-want) <= rateTol*math.Abs(want) }

// clock is that of 100 epochs of 1000 images in batches of 128: 7.8125 steps an epoch, so that no epoch ends with a
// step but every 16th.
var clock = train.Clock{Batch: 128, Images: 1000, Steps: 800}

func TestSchedules(t *testing.T) {
	type rates map[uint64]float64
	for _, c := range []struct {
		name     string
		schedule train.Schedule
		want     rates
	}{
		{"fixed", train.Schedule{Type: "fixed", Rate: 0.1}, rates{0: 0.1, 1: 0.1, 800: 0.1}},
		{"step, every 10 steps", train.Schedule{Type: "step", Rate: 1, Gamma: 0.5, EverySteps: 10},
			rates{0: 1, 9: 1, 10: 0.5, 19: 0.5, 20: 0.25, 100: math.Pow(0.5, 10)}},
		{"step, every 16 epochs", train.Schedule{Type: "step", Rate: 1, Gamma: 0.1, EveryEpochs: 16}, // 125 steps
			rates{0: 1, 124: 1, 125: 0.1, 249: 0.1, 250: 0.01}},
		{"step, every epoch", train.Schedule{Type: "step", Rate: 1, Gamma: 0.5, EveryEpochs: 1},
			rates{7: 1, 8: 0.5, 15: 0.5, 16: 0.25, 125: math.Pow(0.5, 16)}}, // an epoch counts from the first step after its end
		{"step, at epochs", train.Schedule{Type: "step", Rate: 1, Gamma: 0.1, AtEpochs: []float64{0.5, 1, 16, 32.5}},
			rates{0: 1, 3: 1, 4: 0.1, 7: 0.1, 8: 0.01, 124: 0.01, 125: 1e-3, 253: 1e-3, 254: 1e-4, 800: 1e-4}},
		{"exp, in steps", train.Schedule{Type: "exp", Rate: 1, Gamma: 0.25, EverySteps: 10},
			rates{0: 1, 5: 0.5, 10: 0.25, 20: 0.0625}},
		{"exp, in epochs", train.Schedule{Type: "exp", Rate: 1, Gamma: 0.1, EveryEpochs: 32},
			rates{0: 1, 125: math.Sqrt(0.1), 250: 0.1, 500: 0.01}},
		{"linear", train.Schedule{Type: "linear", Rate: 1, FinalRate: 0.2},
			rates{0: 1, 200: 0.8, 400: 0.6, 800: 0.2}},
		{"cosine", train.Schedule{Type: "cosine", Rate: 1, FinalRate: 0.2},
			rates{0: 1, 200: 0.6 + 0.4*math.Sqrt2/2, 400: 0.6, 600: 0.6 - 0.4*math.Sqrt2/2, 800: 0.2}},
		{"fixed, warming up", train.Schedule{Type: "fixed", Rate: 1, WarmupSteps: 4},
			rates{0: 0.25, 1: 0.5, 2: 0.75, 3: 1, 4: 1}},
		{"step, warming up over a reduction", train.Schedule{Type: "step", Rate: 1, Gamma: 0.5, EverySteps: 2,
			WarmupSteps: 4}, rates{0: 0.25, 1: 0.5, 2: 0.375, 3: 0.5, 4: 0.25}},
		{"linear, warming up", train.Schedule{Type: "linear", Rate: 1, WarmupSteps: 100},
			rates{49: 0.5 * (1 - 49./800), 99: 1 - 99./800, 100: 1 - 100./800}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for step, want := range c.want {
				if got := c.schedule.At(step, clock, train.NewPlateau()); !near(got, want) {
					t.Errorf("step %d: rate %v, want %v", step, got, want)
				}
			}
		})
	}
}

// TestScheduleInTenths: a period counts as whole at its last step, though three times 0.1 divided by 0.1 is below 3.
func TestScheduleInTenths(t *testing.T) {
	s := train.Schedule{Type: "step", Rate: 1, Gamma: 0.5, EveryEpochs: 0.1}
	c := train.Clock{Batch: 1, Images: 10, Steps: 100}
	for step := range c.Steps {
		if got, want := s.At(step, c, train.NewPlateau()), math.Pow(0.5, float64(step)); !near(got, want) {
			t.Errorf("step %d: rate %v, want %v", step, got, want)
		}
	}
	s.EveryEpochs = 0.3 // 3 steps
	for step, want := range []float64{1, 1, 1, 0.5, 0.5, 0.5, 0.25} {
		if got := s.At(uint64(step), c, train.NewPlateau()); !near(got, want) {
			t.Errorf("every 3 steps, step %d: rate %v, want %v", step, got, want)
		}
	}
}

// TestScheduleNeverRises: no schedule rises after its warm-up, nor leaves the range from 0 to its rate.
func TestScheduleNeverRises(t *testing.T) {
	for _, s := range []train.Schedule{
		{Type: "fixed", Rate: 0.1, WarmupSteps: 10},
		{Type: "step", Rate: 0.1, Gamma: 0.3, EveryEpochs: 0.7, WarmupSteps: 10},
		{Type: "step", Rate: 0.1, Gamma: 0.3, AtEpochs: []float64{0.1, 1, 50}},
		{Type: "exp", Rate: 0.1, Gamma: 0.9, EverySteps: 3},
		{Type: "linear", Rate: 0.1, FinalRate: 0.1},
		{Type: "linear", Rate: 0.1},
		{Type: "cosine", Rate: 0.1, FinalRate: 0.01},
	} {
		last := math.Inf(1)
		for step := range clock.Steps + 1 {
			rate := s.At(step, clock, train.NewPlateau())
			if !(rate >= 0 && rate <= s.Rate) || step > s.WarmupSteps && !(rate <= last) {
				t.Fatalf("%+v: step %d: rate %v after %v", s, step, rate, last)
			}
			last = rate
		}
	}
}

// TestPlateau follows the schedule through validations.
func TestPlateau(t *testing.T) {
	s := train.Schedule{Type: "plateau", Rate: 1, Gamma: 0.1, Patience: 2, Threshold: 0.01, Drops: 2}
	p := train.NewPlateau()
	for i, v := range []struct {
		error float64
		rate  float64 // after the validation
		ended bool
	}{
		{0.90, 1, false},
		{0.80, 1, false},
		{0.795, 1, false},   // less better than the threshold: the first bad one
		{0.70, 1, false},    // better: the count starts again
		{0.70, 1, false},    // bad
		{0.75, 0.1, false},  // bad again: the first reduction
		{0.70, 0.1, false},  // the count starts again, the best error stays
		{0.60, 0.1, false},  // better
		{1, 0.1, false},     // bad
		{1, 0.01, false},    // the second reduction
		{1, 0.01, false},    // bad
		{0.595, 0.01, true}, // a third one is not allowed: the end
	} {
		p.Observe(s, v.error)
		if rate := s.At(1000, clock, p); !near(rate, v.rate) || p.Ended != v.ended {
			t.Fatalf("validation %d (error %v): rate %v, ended %v; want %v, %v: %+v", i, v.error, rate, p.Ended, v.rate, v.ended,
				p)
		}
	}
}

func TestPlateauEdges(t *testing.T) {
	s := train.Schedule{Type: "plateau", Rate: 1, Gamma: 0.1, Patience: 1}
	p := train.NewPlateau()
	if p.Observe(s, 1); p.Ended {
		t.Error("the first validation ended the training, though all images are wrong")
	}
	if p.Observe(s, 1); !p.Ended {
		t.Error("no reductions are allowed, and the error stays: want the end")
	}
	p = train.NewPlateau()
	p.Observe(s, math.NaN())
	if p.Best != 2 || !p.Ended {
		t.Errorf("an error that is no number counts as an improvement: %+v", p)
	}
	p = train.NewPlateau()
	for range 10 {
		p.Observe(train.Schedule{Type: "fixed", Rate: 1}, 1)
	}
	if p != train.NewPlateau() {
		t.Errorf("another schedule changed the state: %+v", p)
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		clock train.Clock
		epoch float64
		step  uint64 // the first at or after the epoch
	}{
		{train.Clock{Batch: 10, Images: 100}, 0, 0},
		{train.Clock{Batch: 10, Images: 100}, 1, 10},
		{train.Clock{Batch: 10, Images: 100}, 0.25, 3},
		{train.Clock{Batch: 10, Images: 95}, 1, 10},
		{train.Clock{Batch: 10, Images: 95}, 2, 19},
		{train.Clock{Batch: 128, Images: 1_281_167}, 90, 900_821},
		{train.Clock{Batch: 3, Images: 1}, 0.3, 1},
		{train.Clock{Batch: 1, Images: 10}, 0.7, 7}, // 0.7*10 is a little above 7
		{halved, 0, 0},
		{halved, 0.32, 5},
		{halved, 0.33, 6},
		{halved, 0.64, 10},
		{halved, 0.65, 11},
		{halved, 1, 22},
		{train.Clock{Batch: 1, Images: 100}, 0.07, 7}, // 0.07*100 is a little above 7
		{train.Clock{Batch: 1, Images: 100}, 0.0701, 8},
	} {
		if got := c.clock.StepAt(c.epoch); got != c.step {
			t.Errorf("%+v: epoch %v begins at step %d, want %d", c.clock, c.epoch, got, c.step)
		}
		if c.step > 0 && c.clock.Epoch(c.step) < c.epoch-rateTol {
			t.Errorf("%+v: step %d is epoch %v, want at least %v", c.clock, c.step, c.clock.Epoch(c.step), c.epoch)
		}
	}
}

// halved is the clock of a run that had batches of 64 for ten steps, and has 32 since.
var halved = train.Clock{Batch: 32, Images: 1000, Steps: 40, ByEpochs: true,
	From: train.Origin{Step: 10, Images: 640, Batch: 64}}

// TestAnotherBatch: what was seen stays seen, and the rate goes on from where it was.
func TestAnotherBatch(t *testing.T) {
	for step, want := range map[uint64]uint64{0: 0, 1: 64, 9: 576, 10: 640, 11: 672, 40: 1600} {
		if got := halved.Seen(step); got != want || halved.Epoch(step) != float64(want)/1000 {
			t.Errorf("step %d: %d images, epoch %v; want %d", step, got, halved.Epoch(step), want)
		}
	}
	for _, c := range []struct {
		schedule train.Schedule
		want     map[uint64]float64
	}{
		{train.Schedule{Type: "linear", Rate: 1}, map[uint64]float64{10: 0.6, 25: 0.3, 40: 0}},
		{train.Schedule{Type: "cosine", Rate: 1}, map[uint64]float64{15: 0.5, 40: 0}},
		{train.Schedule{Type: "step", Rate: 1, Gamma: 0.5, AtEpochs: []float64{0.3, 0.64, 1}},
			map[uint64]float64{10: 0.25, 21: 0.25, 22: 0.125}},
		{train.Schedule{Type: "exp", Rate: 1, Gamma: 0.5, EveryEpochs: 0.64}, map[uint64]float64{10: 0.5, 30: 0.25}},
	} {
		for step, want := range c.want {
			if got := c.schedule.At(step, halved, train.NewPlateau()); !(math.Abs(got-want) <= rateTol) {
				t.Errorf("%+v: step %d: rate %v, want %v", c.schedule, step, got, want)
			}
		}
	}
}
