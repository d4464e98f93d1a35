package board

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"duet"
	"duet/engine/backend"
	"duet/engine/metrics"
	"duet/internal/invalid"
)

// A gauge is a number of each run, or of each device.
type gauge[T any] struct {
	name, help string
	of         func(T) float64 // NaN where it is not known
}

func lastStep(of func(s metrics.Step) float64) func(r *run) float64 {
	return func(r *run) float64 {
		if n := len(r.curve.Steps); n > 0 {
			return of(r.curve.Steps[n-1])
		}
		return math.NaN()
	}
}

func lastValidation(of func(v metrics.Validation) float64) func(r *run) float64 {
	return func(r *run) float64 {
		if n := len(r.curve.Validations); n > 0 {
			return of(r.curve.Validations[n-1])
		}
		return math.NaN()
	}
}

func optional(o metrics.Optional) float64 {
	if !o.Set {
		return math.NaN()
	}
	return o.Value
}

var gauges = []gauge[*run]{
	{"duet_run_training", "Whether a process trains the run.", func(r *run) float64 {
		if r.State == duet.RunTraining {
			return 1
		}
		return 0
	}},
	{"duet_run_progress_ratio", "How much of the training is done, by its configuration.", func(r *run) float64 {
		done, _ := r.progress()
		return done
	}},
	{"duet_run_step", "The last step that was recorded.", lastStep(func(s metrics.Step) float64 {
		return float64(s.Step)
	})},
	{"duet_run_epoch", "Passes over the training set.", lastStep(func(s metrics.Step) float64 { return s.Epoch })},
	{"duet_run_loss_nats", "Mean loss of the last step.", lastStep(func(s metrics.Step) float64 { return s.Loss })},
	{"duet_run_top1_error_ratio", "Top-1 error of the last step's batch.", lastStep(func(s metrics.Step) float64 {
		return optional(s.TrainTop1Error)
	})},
	{"duet_run_learning_rate", "Learning rate of the last step.", lastStep(func(s metrics.Step) float64 {
		return s.LearningRate
	})},
	{"duet_run_images_per_second", "Median speed of the last hundred recorded steps.", func(r *run) float64 {
		return r.ImagesPerSecond
	}},
	{"duet_run_data_wait_seconds", "How long a step waited for its batch, at the last.",
		lastStep(func(s metrics.Step) float64 { return optional(s.DataWaitMS) / 1e3 })},
	{"duet_run_device_memory_bytes", "Memory in use on all devices together.", lastStep(func(s metrics.Step) float64 {
		return optional(s.DeviceBytes)
	})},
	{"duet_run_validation_loss_nats", "Mean loss of the last validation.",
		lastValidation(func(v metrics.Validation) float64 { return v.Loss })},
	{"duet_run_validation_top1_error_ratio", "Top-1 error of the last validation.",
		lastValidation(func(v metrics.Validation) float64 { return v.Top1Error })},
	{"duet_run_validation_top5_error_ratio", "Top-5 error of the last validation.",
		lastValidation(func(v metrics.Validation) float64 { return v.Top5Error })},
	{"duet_run_best_top1_error_ratio", "Least top-1 error of a validation.", func(r *run) float64 {
		return r.BestError
	}},
}

var deviceGauges = []gauge[device]{
	{"duet_device_memory_bytes", "Memory of the device.", func(d device) float64 { return float64(d.TotalBytes) }},
	{"duet_device_memory_free_bytes", "Memory that nobody uses.", func(d device) float64 { return float64(d.FreeBytes) }},
	{"duet_device_temperature_celsius", "Temperature of the chip.", sensor(func(s *backend.Sensors) metrics.Number {
		return s.Celsius
	})},
	{"duet_device_power_watts", "Power that the board draws.", sensor(func(s *backend.Sensors) metrics.Number {
		return s.Watts
	})},
	{"duet_device_busy_ratio", "Share of the last second or less in which a kernel ran.",
		sensor(func(s *backend.Sensors) metrics.Number { return s.Busy })},
}

func sensor(of func(*backend.Sensors) metrics.Number) func(device) float64 {
	return func(d device) float64 {
		if d.Sensors == nil {
			return math.NaN()
		}
		return float64(of(d.Sensors))
	}
}

// label escapes a label's value as the exposition format wants it.
var label = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// text is a name in UTF-8.
func text(name string) string {
	if !utf8.ValidString(name) {
		return invalid.Printable(name)
	}
	return name
}

// prometheus writes what a Prometheus server collects: its text format, version 0.0.4.
func (b *Board) prometheus(w http.ResponseWriter, _ *http.Request) error {
	devices := b.deviceList()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for _, g := range gauges {
		if err := expose(w, g, "run", b.runs, func(r *run) string { return text(r.Name) }); err != nil {
			return err
		}
	}
	for _, g := range deviceGauges {
		if err := expose(w, g, "device", devices, func(d device) string { return d.Name }); err != nil {
			return err
		}
	}
	return nil
}

// expose writes a gauge of all things that have a name, by a label.
func expose[T any](w io.Writer, g gauge[T], by string, all []T, name func(T) string) error {
	var lines strings.Builder
	for _, one := range all {
		if x := g.of(one); !math.IsNaN(x) {
			fmt.Fprintf(&lines, "%s{%s=\"%s\"} %s\n", g.name, by, label.Replace(name(one)),
				strconv.FormatFloat(x, 'g', -1, 64))
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s gauge\n%[3]s", g.name, g.help, &lines)
	return err
}
