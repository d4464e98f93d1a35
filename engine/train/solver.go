// Package train is the training loop: steps, schedules, validation, checkpoints, and what happens when it is stopped.
package train

import (
	"errors"
	"fmt"
	"slices"

	"duet/internal/invalid"
)

// Solver is the [train] table of a configuration: how the network is trained.
type Solver struct {
	Seed uint64 `toml:"seed"` // of initial weights, orders, crops and dropout
	// a checkpoint, or the folder of a run, whose weights the training begins with; the last layer is drawn where it has
	// other classes
	Init string `toml:"init,omitempty"`
	// compute once what frozen layers make of each image, and train the others on that; without augmentation
	CacheFeatures bool `toml:"cache_features,omitempty"`

	Batch       int     `toml:"batch"`        // images of a step; required
	Epochs      float64 `toml:"epochs"`       // length of the training; 0: until MaxSteps
	MaxSteps    uint64  `toml:"max_steps"`    // end after so many steps whatever Epochs says; 0: no such end
	Momentum    float64 `toml:"momentum"`     // of SGD; required
	WeightDecay float64 `toml:"weight_decay"` // of SGD; required
	// decay of a moving average of the weights, such as 0.999, which is validated and used in their place; 0: none
	EMA float64 `toml:"ema,omitzero"`

	// a layer's learning rate by that of the next one with weights: 0.5 halves it from layer to layer towards the image;
	// default: all alike
	LayerDecay float64 `toml:"layer_decay,omitzero"`
	// share of what the loss asks of an image that all classes have alike, such as 0.1; default: none
	LabelSmoothing float64 `toml:"label_smoothing,omitzero"`
	// what the loss multiplies the images of each class with, in the order of the labels; default: all alike
	ClassWeights []float64 `toml:"class_weights,omitempty"`
	// the loss multiplies the images of a class with the more the fewer there are, with 1 on average
	BalanceClasses bool `toml:"balance_classes,omitempty"`
	// end after so many epochs without a lower validation error; default: never
	StopEpochs float64 `toml:"stop_epochs,omitzero"`

	// ReportSteps is how many steps there are between readings of the loss, each of which waits for the devices; 0 is 1.
	// The loss of the first step is read too, and before every validation and checkpoint.
	ReportSteps uint64 `toml:"report_steps"`

	Schedule Schedule `toml:"schedule"`

	ValidateEpochs float64 `toml:"validate_epochs"` // epochs between validations; 0: none by epochs
	ValidateSteps  uint64  `toml:"validate_steps"`  // steps between validations; 0: none by steps
	Views          int     `toml:"views"`           // at validation: 1 (centre) or 10 (corners, centre, mirrors)

	CheckpointEpochs float64 `toml:"checkpoint_epochs"` // epochs between checkpoints; 0: none by epochs
	CheckpointSteps  uint64  `toml:"checkpoint_steps"`  // steps between checkpoints; 0: none by steps
	CheckpointStart  bool    `toml:"checkpoint_start"`  // save the initial weights too, as step 0
	Keep             int     `toml:"keep"`              // how many of the latest checkpoints stay, beside the best
}

// Schedule is the [train.schedule] table: the learning rate over time.
type Schedule struct {
	Type string  `toml:"type"` // "fixed", "step", "exp", "plateau", "linear" or "cosine"; required
	Rate float64 `toml:"rate"` // at the start; required

	Gamma float64 `toml:"gamma,omitzero"` // step, exp, plateau: the factor of a reduction

	EveryEpochs float64   `toml:"every_epochs,omitzero"` // step, exp: epochs between reductions
	EverySteps  uint64    `toml:"every_steps,omitzero"`  // step, exp: steps between reductions
	AtEpochs    []float64 `toml:"at_epochs,omitempty"`   // step: epochs of the reductions, instead of a regular distance

	Patience  int     `toml:"patience,omitzero"`  // plateau: validations without improvement before a reduction
	Threshold float64 `toml:"threshold,omitzero"` // plateau: what counts as improvement, in parts of 1 of top-1 error
	Drops     int     `toml:"drops,omitzero"`     // plateau: reductions; the training ends where another would be due

	FinalRate   float64 `toml:"final_rate,omitzero"`   // linear, cosine: at the end
	WarmupSteps uint64  `toml:"warmup_steps,omitzero"` // all: the rate rises linearly from 0 during so many first steps
}

// scheduleKeys are the keys of each type of schedule, beside type, rate and warmup_steps.
var scheduleKeys = map[string][]string{
	"fixed":   {},
	"step":    {"gamma", "every_epochs", "every_steps", "at_epochs"},
	"exp":     {"gamma", "every_epochs", "every_steps"},
	"plateau": {"gamma", "patience", "threshold", "drops"},
	"linear":  {"final_rate"},
	"cosine":  {"final_rate"},
}

// LacksOfSchedule are the keys that a schedule of a type does not have; none of a type that is not known.
func LacksOfSchedule(typ string) []string {
	own, known := scheduleKeys[typ]
	if !known {
		return nil
	}
	var lacks []string
	for _, others := range scheduleKeys {
		for _, k := range others {
			if !slices.Contains(own, k) {
				lacks = append(lacks, k)
			}
		}
	}
	slices.Sort(lacks)
	return slices.Compact(lacks)
}

// given are the keys that not every type has and that have a value.
func (s *Schedule) given() map[string]bool {
	return map[string]bool{"gamma": s.Gamma != 0, "every_epochs": s.EveryEpochs != 0, "every_steps": s.EverySteps != 0,
		"at_epochs": len(s.AtEpochs) > 0, "patience": s.Patience != 0, "threshold": s.Threshold != 0, "drops": s.Drops != 0,
		"final_rate": s.FinalRate != 0}
}

// maxBatch keeps every number of elements of a step far within 64 bits.
const maxBatch = 1 << 16

// Validate checks the values. Its errors are *invalid.Error, joined.
func (c *Solver) Validate() error {
	var errs []error
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			errs = append(errs, invalid.Key(key, format, args...))
		}
	}
	check(c.Batch >= 1 && c.Batch <= maxBatch, "batch", "%d, want 1 to %d", c.Batch, maxBatch)
	check(c.Epochs >= 0, "epochs", "%v, want above 0, or 0 to train until max_steps", c.Epochs)
	check(c.Epochs > 0 || c.MaxSteps > 0, "epochs", "neither epochs nor max_steps say when to end, want one of them")
	check(c.Momentum >= 0 && float32(c.Momentum) < 1, "momentum", "%v, want 0 to below 1, also when rounded to float32",
		c.Momentum)
	check(c.WeightDecay >= 0, "weight_decay", "%v, want at least 0", c.WeightDecay)
	check(c.EMA >= 0 && float32(c.EMA) < 1, "ema",
		"%v, want 0 (off) to below 1, also when rounded to float32, such as 0.999", c.EMA)
	check(c.LayerDecay >= 0 && c.LayerDecay <= 1, "layer_decay", "%v, want above 0 to 1, such as 0.5", c.LayerDecay)
	check(c.LabelSmoothing >= 0 && float32(c.LabelSmoothing) < 1, "label_smoothing", "%v, want 0 to below 1, such as 0.1",
		c.LabelSmoothing)
	some := len(c.ClassWeights) == 0
	for i, w := range c.ClassWeights {
		check(w >= 0 && w-w == 0, fmt.Sprintf("class_weights[%d]", i), "%v, want at least 0", w)
		some = some || w > 0
	}
	check(some, "class_weights", "all are 0, want at least one above")
	check(!c.BalanceClasses || len(c.ClassWeights) == 0, "balance_classes",
		"class_weights are given too, want one of them")
	check(c.StopEpochs >= 0, "stop_epochs", "%v, want above 0", c.StopEpochs)
	check(c.StopEpochs <= 0 || c.ValidateEpochs > 0 || c.ValidateSteps > 0, "stop_epochs",
		"stopping needs validations: want validate_epochs or validate_steps")
	check(c.ValidateEpochs >= 0, "validate_epochs", "%v, want above 0, or 0 for no validation by epochs", c.ValidateEpochs)
	check(c.Views == 1 || c.Views == 10, "views", "%d, want 1 or 10", c.Views)
	check(c.CheckpointEpochs >= 0, "checkpoint_epochs", "%v, want above 0, or 0 for no checkpoints by epochs",
		c.CheckpointEpochs)
	check(c.Keep >= 1, "keep", "%d, want at least 1", c.Keep)
	errs = append(errs, invalid.Under("schedule", c.Schedule.validate(c)))
	return errors.Join(errs...)
}

func (s *Schedule) validate(c *Solver) error {
	var errs []error
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			errs = append(errs, invalid.Key(key, format, args...))
		}
	}
	check(s.Rate > 0, "rate", "%v, want above 0, such as 0.01", s.Rate)
	switch s.Type {
	case "fixed":
	case "step":
		regular := s.EveryEpochs > 0 || s.EverySteps > 0
		check(regular != (len(s.AtEpochs) > 0), "type", "step wants one of every_epochs, every_steps and at_epochs")
	case "exp":
		check(s.EveryEpochs > 0 || s.EverySteps > 0, "type",
			"exp wants every_epochs or every_steps, after which gamma has applied once")
	case "plateau":
		check(s.Patience >= 1, "patience", "%d, want at least 1 validation", s.Patience)
		check(s.Drops >= 0, "drops", "%d, want at least 0", s.Drops)
		check(c.ValidateEpochs > 0 || c.ValidateSteps > 0, "type",
			"plateau needs validations: want validate_epochs or validate_steps")
	case "linear", "cosine":
		check(s.FinalRate >= 0 && s.FinalRate <= s.Rate, "final_rate", "%v, want 0 to the rate %v", s.FinalRate, s.Rate)
	default:
		check(false, "type", "%q, want fixed, step, exp, plateau, linear or cosine", s.Type)
		return errors.Join(errs...)
	}
	if s.Type == "step" || s.Type == "exp" || s.Type == "plateau" {
		check(s.Gamma > 0 && s.Gamma < 1, "gamma", "%v, want between 0 and 1, such as 0.1", s.Gamma)
	}
	check(s.EveryEpochs >= 0, "every_epochs", "%v, want above 0", s.EveryEpochs)
	check(s.EveryEpochs == 0 || s.EverySteps == 0, "every_steps", "every_epochs is given too, want one of them")
	check(s.Threshold >= 0 && s.Threshold < 1, "threshold", "%v, want 0 to below 1", s.Threshold)
	for i, e := range s.AtEpochs {
		check(e > 0 && (i == 0 || e > s.AtEpochs[i-1]), "at_epochs", "%v, want rising epochs above 0", s.AtEpochs)
	}
	given := s.given()
	for _, k := range LacksOfSchedule(s.Type) {
		check(!given[k], k, "a schedule of type %s has no such key", s.Type)
	}
	return errors.Join(errs...)
}
