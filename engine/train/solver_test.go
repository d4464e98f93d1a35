package train_test

import (
	"errors"
	"math"
	"testing"

	"duet/engine/train"
	"duet/internal/invalid"
)

// valid is a configuration that the tests damage.
func valid() train.Solver {
	return train.Solver{Batch: 128, Epochs: 90, Momentum: 0.9, WeightDecay: 0.0005, ValidateEpochs: 1, Views: 1, Keep: 3,
		Schedule: train.Schedule{Type: "fixed", Rate: 0.01}}
}

func TestValidSchedules(t *testing.T) {
	for _, s := range []train.Schedule{
		{Type: "fixed", Rate: 0.01},
		{Type: "fixed", Rate: 0.01, WarmupSteps: 100},
		{Type: "step", Rate: 0.01, Gamma: 0.1, EveryEpochs: 30},
		{Type: "step", Rate: 0.01, Gamma: 0.1, EverySteps: 30},
		{Type: "step", Rate: 0.01, Gamma: 0.1, AtEpochs: []float64{25, 50.5}},
		{Type: "exp", Rate: 0.01, Gamma: 0.94, EveryEpochs: 2},
		{Type: "plateau", Rate: 0.01, Gamma: 0.1, Patience: 5, Threshold: 0.001, Drops: 3},
		{Type: "linear", Rate: 0.01},
		{Type: "cosine", Rate: 0.01, FinalRate: 0.01},
	} {
		c := valid()
		c.Schedule = s
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	c := valid()
	c.Epochs, c.MaxSteps = 0, 10
	if err := c.Validate(); err != nil {
		t.Errorf("ten steps: %v", err)
	}
}

func TestInvalid(t *testing.T) {
	schedule := func(s train.Schedule) func(c *train.Solver) {
		return func(c *train.Solver) { c.Schedule = s }
	}
	for _, c := range []struct {
		key    string // of the only error
		change func(c *train.Solver)
	}{
		{"batch", func(c *train.Solver) { c.Batch = 0 }},
		{"batch", func(c *train.Solver) { c.Batch = -1 }},
		{"batch", func(c *train.Solver) { c.Batch = 1 << 17 }},
		{"epochs", func(c *train.Solver) { c.Epochs = 0 }},
		{"momentum", func(c *train.Solver) { c.Momentum = 1 }},
		{"momentum", func(c *train.Solver) { c.Momentum = -0.1 }},
		{"momentum", func(c *train.Solver) { c.Momentum = math.NaN() }},
		{"weight_decay", func(c *train.Solver) { c.WeightDecay = -1e-4 }},
		{"validate_epochs", func(c *train.Solver) { c.ValidateEpochs = -1 }},
		{"views", func(c *train.Solver) { c.Views = 5 }},
		{"checkpoint_epochs", func(c *train.Solver) { c.CheckpointEpochs = math.NaN() }},
		{"keep", func(c *train.Solver) { c.Keep = 0 }},

		{"schedule.type", schedule(train.Schedule{Type: "steps", Rate: 1})},
		{"schedule.type", schedule(train.Schedule{Rate: 1})},
		{"schedule.rate", schedule(train.Schedule{Type: "fixed"})},
		{"schedule.rate", schedule(train.Schedule{Type: "fixed", Rate: -1})},
		{"schedule.type", schedule(train.Schedule{Type: "step", Rate: 1, Gamma: 0.1})},
		{"schedule.type", schedule(train.Schedule{Type: "step", Rate: 1, Gamma: 0.1, EverySteps: 1, AtEpochs: []float64{1}})},
		{"schedule.every_steps", schedule(train.Schedule{Type: "step", Rate: 1, Gamma: 0.1, EverySteps: 1, EveryEpochs: 1})},
		{"schedule.gamma", schedule(train.Schedule{Type: "step", Rate: 1, EverySteps: 1})},
		{"schedule.gamma", schedule(train.Schedule{Type: "exp", Rate: 1, Gamma: 1, EverySteps: 1})},
		{"schedule.at_epochs", schedule(train.Schedule{Type: "step", Rate: 1, Gamma: 0.1, AtEpochs: []float64{2, 2}})},
		{"schedule.at_epochs", schedule(train.Schedule{Type: "step", Rate: 1, Gamma: 0.1, AtEpochs: []float64{0}})},
		{"schedule.type", schedule(train.Schedule{Type: "exp", Rate: 1, Gamma: 0.1})},
		{"schedule.patience", schedule(train.Schedule{Type: "plateau", Rate: 1, Gamma: 0.1})},
		{"schedule.drops", schedule(train.Schedule{Type: "plateau", Rate: 1, Gamma: 0.1, Patience: 1, Drops: -1})},
		{"schedule.threshold", schedule(train.Schedule{Type: "plateau", Rate: 1, Gamma: 0.1, Patience: 1, Threshold: 1})},
		{"schedule.type", func(c *train.Solver) { // nothing would be observed
			c.ValidateEpochs = 0
			c.Schedule = train.Schedule{Type: "plateau", Rate: 1, Gamma: 0.1, Patience: 1}
		}},
		{"schedule.final_rate", schedule(train.Schedule{Type: "cosine", Rate: 1, FinalRate: 2})},
		{"schedule.final_rate", schedule(train.Schedule{Type: "linear", Rate: 1, FinalRate: -1})},

		// keys of another schedule
		{"schedule.gamma", schedule(train.Schedule{Type: "fixed", Rate: 1, Gamma: 0.1})},
		{"schedule.every_epochs", schedule(train.Schedule{Type: "plateau", Rate: 1, Gamma: 0.1, Patience: 1,
			EveryEpochs: 1})},
		{"schedule.every_steps", schedule(train.Schedule{Type: "linear", Rate: 1, EverySteps: 1})},
		{"schedule.at_epochs", schedule(train.Schedule{Type: "cosine", Rate: 1, AtEpochs: []float64{1}})},
		{"schedule.patience", schedule(train.Schedule{Type: "fixed", Rate: 1, Patience: 1})},
		{"schedule.threshold", schedule(train.Schedule{Type: "fixed", Rate: 1, Threshold: 0.1})},
		{"schedule.drops", schedule(train.Schedule{Type: "fixed", Rate: 1, Drops: 1})},
		{"schedule.final_rate", schedule(train.Schedule{Type: "fixed", Rate: 1, FinalRate: 0.1})},
	} {
		cfg := valid()
		c.change(&cfg)
		err := cfg.Validate()
		var at *invalid.Error
		if !errors.As(err, &at) || at.Key != c.key || err.Error() != at.Error() {
			t.Errorf("%+v:\ngot  %v\nwant one error of %s", cfg, err, c.key)
		}
	}
}
