package look

import (
	"math"
	"slices"

	"duet/engine/metrics"
)

// A Run is what is drawn of a training.
type Run struct {
	Name        string
	Batch       int // images a step
	Steps       []metrics.Step
	Validations []metrics.Validation

	trained []float64 // hours after each of Steps, of a run that grows
}

// Axes are what curves of runs may be drawn over.
var Axes = []string{"step", "epoch", "hour"}

// Measures are what may be drawn of runs.
var Measures = []string{"loss", "error", "top5", "rate", "speed", "wait", "memory"}

// measure says how one is read; nil where there is none of that kind.
type measure struct {
	title string
	step  func(s metrics.Step) float64
	check func(v metrics.Validation) float64 // in a validation
}

func optional(o metrics.Optional) float64 {
	if !o.Set {
		return math.NaN()
	}
	return o.Value
}

var measures = map[string]measure{
	"loss": {"loss, nats", func(s metrics.Step) float64 { return s.Loss },
		func(v metrics.Validation) float64 { return v.Loss }},
	"error": {"top-1 error, %", func(s metrics.Step) float64 { return 100 * optional(s.TrainTop1Error) },
		func(v metrics.Validation) float64 { return 100 * v.Top1Error }},
	"top5":  {"top-5 error, %", nil, func(v metrics.Validation) float64 { return 100 * v.Top5Error }},
	"rate":  {"learning rate", func(s metrics.Step) float64 { return s.LearningRate }, nil},
	"speed": {"images a second", func(s metrics.Step) float64 { return s.ImagesPerSecond }, nil},
	"wait": {"waiting for data, ms a step", func(s metrics.Step) float64 { return optional(s.DataWaitMS) },
		nil},
	"memory": {"memory of devices, MB", func(s metrics.Step) float64 { return optional(s.DeviceBytes) / 1e6 }, nil},
}

// hours are how long a run had trained after each of its steps, by their speeds: without validations and pauses.
func (r *Run) hours() []float64 {
	if len(r.trained) == len(r.Steps) {
		return r.trained
	}
	hours := make([]float64, len(r.Steps))
	var sum float64
	var before uint64
	for i, s := range r.Steps {
		sum += r.hoursOf(s, before)
		hours[i], before = sum, s.Step
	}
	return hours
}

// hoursOf is how long the steps after one took up to another, by its speed.
func (r *Run) hoursOf(s metrics.Step, before uint64) float64 {
	if !(s.ImagesPerSecond > 0) {
		return 0
	}
	return float64(s.Step-before) * float64(r.Batch) / s.ImagesPerSecond / 3600
}

// at is where a measurement lies on one of Axes.
func at(axis string, step uint64, epoch, hour float64) float64 {
	switch axis {
	case "step":
		return float64(step)
	case "epoch":
		return epoch
	}
	return hour
}

// Curves are a measure of a run over an axis, that of its steps smoothed; and that of its validations, if there are
// any.
func (r *Run) Curves(of, axis string, smooth float64) (steps, validations Curve) {
	m := measures[of]
	steps, validations = Curve{Name: r.Name}, Curve{Name: r.Name + ", validation", Marked: true}
	hours := r.hours()
	if m.step != nil {
		steps.X, steps.Y = make([]float64, len(hours)), make([]float64, len(hours))
		for i, s := range r.Steps {
			steps.X[i], steps.Y[i] = at(axis, s.Step, s.Epoch, hours[i]), m.step(s)
		}
		steps.Y = Smooth(steps.Y, smooth)
	}
	if m.check != nil {
		for _, v := range r.Validations {
			hour := 0.0 // that of the last step before it
			if k, _ := slices.BinarySearchFunc(r.Steps, v.Step+1, func(s metrics.Step, step uint64) int {
				return int(int64(s.Step) - int64(step))
			}); k > 0 {
				hour = hours[k-1]
			}
			validations.X = append(validations.X, at(axis, v.Step, v.Epoch, hour))
			validations.Y = append(validations.Y, m.check(v))
		}
	}
	return steps, validations
}

// Title is one of Measures with its unit.
func Title(of string) string { return measures[of].title }

// Plot is charts of runs, one for each measure.
func Plot(runs []Run, of []string, axis string, smooth float64) (charts []Chart) {
	for _, name := range of {
		c := Chart{X: axis, Y: Title(name)}
		for i := range runs {
			steps, validations := runs[i].Curves(name, axis, smooth)
			steps.Group, validations.Group = i, i
			for _, one := range []Curve{steps, validations} {
				if len(one.X) > 0 {
					c.Curves = append(c.Curves, one)
				}
			}
		}
		charts = append(charts, c)
	}
	return charts
}
