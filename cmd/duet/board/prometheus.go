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
	"duet/engine/metrics"
	"duet/internal/invalid"
)

// A gauge is a number of each run.
type gauge struct {
	name, help string
	of         func(r *run) float64 // NaN where it is not known
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

var gauges = []gauge{
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
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	return b.expose(w)
}

func (b *Board) expose(w io.Writer) error {
	for _, g := range gauges {
		var lines strings.Builder
		for _, r := range b.runs {
			if x := g.of(r); !math.IsNaN(x) {
				fmt.Fprintf(&lines, "%s{run=\"%s\"} %s\n", g.name, label.Replace(text(r.Name)),
					strconv.FormatFloat(x, 'g', -1, 64))
			}
		}
		if lines.Len() == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s gauge\n%[3]s", g.name, g.help, &lines); err != nil {
			return err
		}
	}
	return nil
}
