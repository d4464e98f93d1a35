package train_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"duet/configs"
	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/train"
)

// small shrinks the smoke preset: four classes, 64 images of which 16 make a step, 24 to validate, which is no
// multiple.
var small = []string{"data.generated.train=64", "data.generated.val=24", "train.epochs=0", "train.max_steps=12",
	"train.validate_epochs=0", "train.validate_steps=3", "train.checkpoint_epochs=0", "train.checkpoint_steps=4",
	"train.schedule.at_epochs=[2]", "devices.tune=false"}

// onOne and onTwo are placements.
const (
	onOne = `devices.towers=["reference:0"]`
	onTwo = `devices.towers=["reference:0", "reference:1"]`

	onWatched = `devices.towers=["watched:0"]`
)

// runs are a folder for runs of one test, with the data that they share.
type runs struct {
	t       *testing.T
	dir     string
	console io.Writer
	told    *told // of steps and validations; nil: nobody is

	recorder train.Recorder
}

type told struct {
	step       func(metrics.Step) error
	validation func(metrics.Validation) error
}

func newRuns(t *testing.T) *runs { return &runs{t: t, dir: t.TempDir(), console: io.Discard} }

// config is the smoke preset with overrides after those of small.
func (r *runs) config(sets ...string) *train.Config {
	r.t.Helper()
	c, err := configs.Load("smoke", slices.Concat(small, []string{"data.packed=" + filepath.Join(r.dir, "data")}, sets))
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// train begins a run.
func (r *runs) train(ctx context.Context, name string, sets ...string) (train.Summary, error) {
	r.t.Helper()
	return r.run(ctx, name, false, sets...)
}

// resume goes on with a run.
func (r *runs) resume(ctx context.Context, name string, sets ...string) (train.Summary, error) {
	r.t.Helper()
	return r.run(ctx, name, true, sets...)
}

func (r *runs) run(ctx context.Context, name string, resume bool, sets ...string) (s train.Summary, err error) {
	r.t.Helper()
	c := r.config(sets...)
	data, err := train.OpenData(context.Background(), c.Data, train.DataHooks{})
	r.check(err)
	defer func() { r.check(data.Close()) }()
	setup := c.Setup()
	setup.CacheFeatures = c.Train.CacheFeatures
	m, err := model.New(context.Background(), setup, model.InputOf(data.Train, c.Data), model.ForTraining,
		model.Hooks{})
	r.check(err)
	defer func() { r.check(m.Close()) }()
	return r.runOn(ctx, m, data, name, resume, c)
}

// runOn is a run on a model that is there.
func (r *runs) runOn(ctx context.Context, m *model.Model, data *train.Data, name string, resume bool,
	c *train.Config) (train.Summary, error) {
	r.t.Helper()
	var f *train.Folder
	var err error
	if resume {
		f, err = train.OpenFolder(r.path(name))
	} else {
		f, err = train.CreateFolder(r.path(name), c.TOML())
	}
	r.check(err)
	defer func() { r.check(f.Close()) }()
	before := func(text string) (*train.Config, []train.Change, error) {
		was, err := configs.Parse("before", []byte(text), nil)
		r.check(err)
		return was, configs.Changes(was, c), nil
	}
	o := train.Options{Config: c, Folder: f, Resume: resume, Before: before, Console: r.console, Recorder: r.recorder}
	if r.told != nil {
		o.Console, o.Step, o.Validation = nil, r.told.step, r.told.validation
	}
	return train.Run(ctx, o, data, m)
}

func (r *runs) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *runs) path(name string) string { return filepath.Join(r.dir, name) }

func (r *runs) store(name string) *checkpoint.Store {
	r.t.Helper()
	s, err := checkpoint.OpenStore(filepath.Join(r.path(name), "checkpoints"), 3)
	r.check(err)
	return s
}

// same wants the checkpoint of a step to be the same bytes in two runs.
func (r *runs) same(a, b string, step uint64) {
	r.t.Helper()
	x, err := os.ReadFile(r.store(a).StepPath(step))
	r.check(err)
	y, err := os.ReadFile(r.store(b).StepPath(step))
	r.check(err)
	if !bytes.Equal(x, y) {
		r.t.Errorf("the checkpoints of step %d of %s and %s differ", step, a, b)
	}
}

func (r *runs) metrics(name string) ([]metrics.Step, []metrics.Validation) {
	r.t.Helper()
	steps, validations, err := metrics.Read(filepath.Join(r.path(name), "metrics.jsonl"))
	r.check(err)
	return steps, validations
}

// mistakes is the text of what a run's last validation got wrong.
func (r *runs) mistakes(name string) []byte {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.path(name), "mistakes.json"))
	r.check(err)
	return text
}

// eachStepOnce wants a line for every step, and the losses and the last mistakes of two runs to be equal.
func (r *runs) eachStepOnce(name, like string) {
	r.t.Helper()
	steps, validations := r.metrics(name)
	want, wantValidations := r.metrics(like)
	if len(steps) != len(want) || len(validations) != len(wantValidations) {
		r.t.Fatalf("%s: %d steps and %d validations, want %d and %d", name, len(steps), len(validations), len(want),
			len(wantValidations))
	}
	for i, s := range steps {
		if s.Step != uint64(i+1) || s.Loss != want[i].Loss || s.LearningRate != want[i].LearningRate {
			r.t.Errorf("%s: line %d is of step %d, loss %v, rate %v; want loss %v, rate %v", name, i, s.Step, s.Loss,
				s.LearningRate, want[i].Loss, want[i].LearningRate)
		}
	}
	for i, v := range validations {
		if v.Step != wantValidations[i].Step || v.Loss != wantValidations[i].Loss {
			r.t.Errorf("%s: validation %d is %+v, want %+v", name, i, v, wantValidations[i])
		}
	}
	if len(validations) > 0 && !bytes.Equal(r.mistakes(name), r.mistakes(like)) {
		r.t.Errorf("%s and %s: other mistakes", name, like)
	}
}

// countdown is a context that ends when it has been asked a number of times whether it has: at the same point of the
// same run every time.
type countdown struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newCountdown(asked int) *countdown {
	c := &countdown{}
	c.Context, c.cancel = context.WithCancel(context.Background())
	c.left.Store(int64(asked))
	return c
}

func (c *countdown) tick() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

func (c *countdown) Err() error            { c.tick(); return c.Context.Err() }
func (c *countdown) Done() <-chan struct{} { c.tick(); return c.Context.Done() }

// wantError wants one line with some words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", words)
		return
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has several lines", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// interruptedAt is the step of an Interrupted error.
func interruptedAt(err error) (uint64, bool) {
	i, ok := errors.AsType[*train.Interrupted](err)
	if !ok {
		return 0, false
	}
	return i.Step, true
}
