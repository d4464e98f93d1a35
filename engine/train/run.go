package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"duet/dataloader"
	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/op"
	"duet/internal/disk"
)

// gradientSteps is how often, from the first step on, the largest gradient is looked at. It takes a small download for
// every parameter.
const gradientSteps = 10

// Options are what a run needs beside its configuration.
type Options struct {
	Config *Config
	Folder *Folder
	Resume bool
	// Before reads the configuration that a checkpoint was saved under, and says what the present one changes.
	Before   func(text string) (*Config, []Change, error)
	Console  io.Writer // progress and log; nil: nobody looks
	Terminal bool      // Console is a terminal
	Recorder Recorder  // nil: the run keeps only its own records

	// Step is told of every step whose loss is read (train.report_steps), Validation of every validation, after they
	// are recorded. Either may be nil. An error of theirs ends the run as the end of its context does: everything is
	// saved, and the run's error is an Interrupted of that cause.
	Step       func(metrics.Step) error
	Validation func(metrics.Validation) error
}

// A Recorder keeps a record beside the run's own ones, each time after these. Its errors end the run.
type Recorder interface {
	Begin(step uint64) error // the run's own records say what was until this step
	Step(metrics.Step) error
	Validation(metrics.Validation) error
	// Checkpoint is told of one that was saved, which nobody changes any more, and of the gradients of the step before
	// it; of none of these where that step was not foreseen to be the last, or did not learn.
	Checkpoint(f *checkpoint.File, gradients []checkpoint.Tensor) error
	Close() error // also of one that did not begin
}

// run is a training in progress.
type run struct {
	Options
	model   *model.Model
	data    *Data
	store   *checkpoint.Store
	jsonl   *metrics.JSONL
	console *metrics.Console
	log     *metrics.Log
	clock   Clock

	step     uint64 // done
	checked  uint64 // the last step after which there was a validation
	plateau  Plateau
	best     float64
	bestStep uint64
	isBest   bool // the last validation was the best
	loss     float64
	gradient model.Gradient
	last     *model.Result
	unread   struct { // steps since the loss was last read
		steps    uint64
		began    time.Time
		counters dataloader.Counters // before them
	}
	features     struct{ train, val *dataloader.Features } // nil where the network is given images
	text         string                                    // the present configuration
	config       string                                    // the one that the steps so far were done under
	changes      []Change                                  // of the present one from that
	began        uint64                                    // the step that this process began after
	nextGradient uint64                                    // the step from which on the largest gradient is looked at
	saved        struct{ step, checked uint64 }            // what the newest checkpoint holds
	anySaved     bool
	drawn        []string   // parameters that train.init does not have
	leftOut      []string   // tensors that train.init alone has
	earlier      velocities // of the last step, if the recorder is to see its gradients
	stop         error      // of Options.Step or Validation
}

// Run trains until the configuration's end, until ctx ends, or until something fails.
func Run(ctx context.Context, o Options, data *Data, m *model.Model) (s Summary, err error) {
	r := &run{Options: o, model: m, data: data, text: string(o.Config.TOML()), plateau: NewPlateau(), best: math.NaN(),
		loss: math.NaN()}
	if r.Console == nil {
		r.Console = io.Discard
	}
	c := o.Config.Train
	r.clock = c.clock(data.Train.Len(), Origin{})
	if err := data.Suits(c); err != nil {
		return s, err
	}
	if err := r.start(); err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, r.finish(err)) }()
	if err := r.open(); err != nil {
		return s, err
	}
	err = r.loop(ctx)
	return Summary{Folder: r.Folder.Dir, Steps: r.step, Epoch: r.clock.Epoch(r.step), Loss: r.loss, BestError: r.best,
		BestStep: r.bestStep, Last: r.last}, err
}

// start takes the weights from the newest checkpoint, or draws them.
func (r *run) start() error {
	var err error
	if r.store, err = checkpoint.OpenStore(r.Folder.Checkpoints(), r.Config.Train.Keep); err != nil {
		return err
	}
	r.config = r.text
	if !r.Resume {
		return r.initialise()
	}
	return r.resume()
}

// initialise draws the weights, or takes them from the checkpoint that the configuration names.
func (r *run) initialise() error {
	c := r.Config.Train
	if c.Init == "" {
		return r.model.Initialise(c.Seed)
	}
	path, err := checkpoint.Find(c.Init)
	if err != nil {
		return fmt.Errorf("train.init: %w", err)
	}
	f, err := checkpoint.LoadSome(path, func(name string, _ []int) bool {
		return !strings.HasPrefix(name, op.VelocityPrefix)
	})
	if err != nil {
		return fmt.Errorf("train.init: %w", err)
	}
	model.Averaged(f)
	r.drawn, r.leftOut, err = r.model.InitialiseFrom(f, c.Seed)
	if err != nil {
		return fmt.Errorf("train.init: %s: %w", path, err)
	}
	return nil
}

// open opens the records, and cuts off what they say of steps after the checkpoint.
func (r *run) open() error {
	r.console = metrics.NewConsole(r.Console, metrics.ConsoleOptions{Terminal: r.Terminal, Total: r.clock.Steps})
	var err error
	if r.log, err = metrics.OpenLog(r.Folder.Log(), r.console); err != nil {
		return err
	}
	for _, line := range r.model.Log() {
		r.log.Debug(line)
	}
	if r.jsonl, err = metrics.OpenJSONL(r.Folder.Metrics(), r.step, r.checked); err != nil {
		return err
	}
	if err := disk.SyncFolder(r.Folder.Dir); err != nil { // what was opened may be new
		return err
	}
	if r.Recorder != nil {
		if err := r.Recorder.Begin(r.step); err != nil {
			return err
		}
	}
	verb := logTraining
	if r.Resume {
		verb = logResuming
	}
	r.log.Info(verb, "run", r.Folder.Dir, "network", r.Config.Network.Title(), "parameters", r.model.Parameters(),
		"devices", r.Config.Devices.Towers, "precision", r.Config.Devices.Precision, "data", r.data.Train.Dir(), "images",
		r.data.Train.Len(),
		"batch", r.clock.Batch, "step", r.step, "steps", r.clock.Steps)
	if r.step == 0 && r.Config.Train.Init != "" {
		r.log.Info("weights", "from", r.Config.Train.Init, "drawn", r.drawn, "left_out", r.leftOut)
	}
	for _, c := range r.changes {
		r.log.Info("changed", "key", c.Key, "was", c.Was, "is", c.Is)
	}
	return nil
}

// finish closes the records and notes how the run ended.
func (r *run) finish(cause error) error {
	var errs []error
	if r.console != nil {
		errs = append(errs, r.console.Close())
	}
	if r.log != nil {
		var interrupted *Interrupted
		switch {
		case cause == nil:
			r.log.Info(logDone, r.end()...)
		case errors.As(cause, &interrupted):
			r.log.Debug("interrupted", "step", r.step)
		default:
			r.log.Debug("failed", "step", r.step, "error", cause.Error())
		}
	}
	if r.jsonl != nil {
		errs = append(errs, r.jsonl.Close())
	}
	if r.Recorder != nil {
		errs = append(errs, r.Recorder.Close())
	}
	if r.log != nil {
		errs = append(errs, r.log.Close())
	}
	return errors.Join(errs...)
}

// end is what the log says of a run that is done. A resumed run that was done already has read no loss, and one without
// validation knows no error.
func (r *run) end() []any {
	all := []any{"step", r.step}
	if !math.IsNaN(r.loss) {
		all = append(all, "loss", r.loss)
	}
	if !math.IsNaN(r.best) {
		all = append(all, "best_error", r.best, "best_step", r.bestStep)
	}
	return all
}

// loop does what is due after each step, and the next step.
func (r *run) loop(ctx context.Context) (err error) {
	c := r.Config.Train
	defer func() { err = errors.Join(err, r.drop()) }()
	if err := r.cache(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	loader := r.loader()
	defer func() {
		if e := loader.Close(); err == nil { // after a failure it only says again what the device said
			err = e
		}
	}()
	for {
		if r.ended(ctx) == nil && c.validates(r.step, r.clock) && r.checked < r.step {
			if err := r.validate(ctx); err != nil && !errors.Is(err, ctx.Err()) {
				return err
			}
		}
		if cause := r.ended(ctx); cause != nil {
			if err := r.save(); err != nil {
				return err
			}
			return &Interrupted{r.step, cause}
		}
		end := r.over()
		if end || r.isBest || c.saves(r.step, r.clock) {
			if err := r.save(); err != nil {
				return err
			}
		}
		if end {
			if r.stale() {
				r.log.Info("no lower error", "since_step", r.bestStep, "epochs", c.StopEpochs)
			}
			if r.Resume && r.step == r.began {
				r.log.Info("nothing is left to train: the run keeps its configuration", "step", r.step, "steps", r.clock.Steps)
			}
			return nil
		}
		if err := r.train(ctx, loader); err != nil && !errors.Is(err, ctx.Err()) {
			return err
		}
	}
}

// ended is why the run is to end before its time: its context has ended, or a function of its options wants it; else
// nil.
func (r *run) ended(ctx context.Context) error {
	if r.stop != nil {
		return r.stop
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// train does one step, and reads the loss where that is due: then the devices have nothing to do until the next step.
func (r *run) train(ctx context.Context, loader *dataloader.Loader) error {
	if r.unread.steps == 0 {
		r.unread.began = time.Now()
	}
	b, err := loader.Next(ctx)
	if err != nil {
		return err
	}
	rate := r.Config.Train.Schedule.At(r.step, r.clock, r.plateau)
	if r.earlier, err = r.velocities(rate); err != nil {
		return err
	}
	if err := r.model.Step(b, r.step, rate); err != nil {
		return err
	}
	if err := loader.Release(b); err != nil {
		return err
	}
	r.step++
	if err := r.adopt(); err != nil {
		return err
	}
	r.unread.steps++
	if ctx.Err() == nil && !r.Config.Train.reports(r.step, r.clock) {
		return nil
	}
	return r.report(rate, loader)
}

// report reads the loss of the step before, which waits for it, and records it.
func (r *run) report(rate float64, loader *dataloader.Loader) error {
	loss, top1, err := r.model.Progress()
	if err != nil {
		return err
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return &Diverged{Step: r.step, Loss: loss, Rate: rate, Previous: r.loss, Gradient: r.gradient}
	}
	r.loss = loss
	if r.step >= r.nextGradient {
		if r.gradient, err = r.model.LargestGradient(r.step); err != nil {
			return err
		}
		r.nextGradient = r.step + gradientSteps
	}
	n := float64(r.unread.steps)
	counters := loader.Counters()
	ready, waitMS := counters.Since(r.unread.counters).Means()
	s := metrics.Step{Step: r.step, Epoch: r.clock.Epoch(r.step), Loss: loss, LearningRate: rate,
		ImagesPerSecond: n * float64(r.clock.Batch) / time.Since(r.unread.began).Seconds(),
		TrainTop1Error:  metrics.Of(top1), DataWaitMS: metrics.Of(waitMS), DataReady: metrics.Of(ready),
		DeviceBytes: metrics.Of(float64(r.model.Bytes()))}
	r.unread.steps, r.unread.counters = 0, counters
	r.console.Step(s)
	if err := r.jsonl.WriteStep(s); err != nil {
		return err
	}
	if r.Recorder != nil {
		if err := r.Recorder.Step(s); err != nil {
			return err
		}
	}
	if r.Step != nil {
		r.stop = r.Step(s)
	}
	return nil
}

// validate tests the network and lets the schedule know.
func (r *run) validate(ctx context.Context) error {
	progress := func(done, total int) { r.console.Phase("validation", uint64(done), uint64(total), "images") }
	wrong := newMistakes()
	result, err := r.model.Evaluate(ctx, r.data.Val, model.Test{Views: r.Config.Train.Views, Progress: progress,
		Each: wrong.add, Features: r.features.val})
	if err != nil {
		return err
	}
	r.last, r.checked = &result, r.step
	r.plateau.Observe(r.Config.Train.Schedule, result.Top1Error)
	if r.isBest = !(result.Top1Error >= r.best); r.isBest { // the first one too, when best is NaN
		r.best, r.bestStep = result.Top1Error, r.step
	}
	v := metrics.Validation{Step: r.step, Epoch: r.clock.Epoch(r.step), Loss: result.Loss,
		Top1Error: result.Top1Error, Top5Error: result.Top5Error, Images: metrics.Of(float64(result.Images)),
		Classes: result.Classes}
	r.console.Validation(v)
	if err := r.jsonl.WriteValidation(v); err != nil {
		return err
	}
	if err := wrong.write(r.Folder, r.step, r.model.Input, r.data.Val); err != nil {
		return err
	}
	if r.Recorder != nil {
		if err := r.Recorder.Validation(v); err != nil {
			return err
		}
	}
	if r.Validation != nil {
		r.stop = r.Validation(v)
	}
	return nil
}
