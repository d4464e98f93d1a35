package duet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"duet/configs"
	"duet/dataloader/prepare"
	"duet/engine/backend"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/tensorboard"
	"duet/engine/train"
)

// Step is what one step of a training measured, Validation the result of one pass over the validation images.
type (
	Step       = metrics.Step
	Validation = metrics.Validation
)

// Summary is what a training came to. Its Folder is what Open takes.
type Summary = train.Summary

// Interrupted is the error of a training that was ended before its time. Everything is saved, and Resume goes on with
// it.
type Interrupted = train.Interrupted

// Diverged is the error of a training whose loss is no number any more.
type Diverged = train.Diverged

// ErrExists is among the errors of a Train whose run is there already, ErrNoRun of one that has none to resume.
var (
	ErrExists = train.ErrExists
	ErrNoRun  = train.ErrNoRun
)

// TrainOptions say where a training is recorded, and who is told of it. The zero value is usable.
type TrainOptions struct {
	Runs   string // the folder of all runs; "" is "runs"
	Run    string // the run's name; "" is the network's name and the first free number, with Resume the last one
	Resume bool   // go on with the run from its newest checkpoint

	// Step is told of every step whose loss is read (every one, unless train.report_steps says otherwise), Validation
	// of every validation. Each may be nil. An error of theirs ends the training as the end of the context does:
	// everything is saved, and Train's error is an Interrupted of that cause.
	Step       func(Step) error
	Validation func(Validation) error

	TensorBoard bool // keep a file that TensorBoard reads in the run's folder too

	Console  io.Writer // where people read the progress and the log; nil: nowhere
	Terminal bool      // Console is a terminal, and the progress is a bar
	Hooks
}

// foresee refuses, before data is packed, what could not be trained from it.
func foresee(c *Config, outline prepare.Outline) error {
	if err := backend.Available(c.Devices.Towers); err != nil {
		return err
	}
	return c.Foresee(outline)
}

// Train trains the network of a configuration, which it leaves as it is, until the configuration's end, or until ctx
// ends: then it finishes the step, saves, and returns an Interrupted. Data that is not packed yet is packed first;
// what the network could not use is refused before that.
func Train(ctx context.Context, config *Config, o TrainOptions) (s Summary, err error) {
	own := *config
	c := &own
	if err := o.prepare(c); err != nil {
		return s, err
	}
	data, err := o.openData(ctx, c.Data, func(outline prepare.Outline) error {
		if err := foresee(c, outline); err != nil {
			return err
		}
		return c.Train.Suits(outline.Val > 0)
	})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	if err := data.Suits(c.Train); err != nil {
		return s, err
	}
	if images := data.Train.Len(); images < c.Train.Batch {
		o.note(fmt.Sprintf("%d training images are fewer than a batch of %d: a step sees the same ones again; "+
			"train.batch = %[1]d would see each once", images, c.Train.Batch))
	}
	setup := c.Setup()
	setup.CacheFeatures = c.Train.CacheFeatures
	m, err := o.newModel(ctx, &setup, model.InputOf(data.Train, c.Data), model.ForTraining)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	c.Devices = setup.Devices
	c.Devices.Record(m.Devices) // for the run's folder and its checkpoints
	folder, err := o.folder(c)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	before := func(text string) (*Config, []train.Change, error) {
		was, err := configs.Stored(folder.Dir, []byte(text), nil)
		if err != nil {
			return nil, nil, fmt.Errorf("the configuration of the run so far: %w", err)
		}
		return was, configs.Changes(was, c), nil
	}
	options := train.Options{Config: c, Folder: folder, Resume: o.Resume, Before: before, Console: o.Console,
		Terminal: o.Terminal, Step: o.Step, Validation: o.Validation}
	if o.TensorBoard {
		options.Recorder = tensorboard.NewWriter(tensorboard.Run{Dir: folder.Dir, Config: c, Note: o.Note})
	}
	return train.Run(ctx, options, data, m)
}

// prepare chooses devices and the run, and refuses what cannot come to a training, all before hours of packing.
func (o *TrainOptions) prepare(c *Config) error {
	if err := o.resolve(c); err != nil {
		return err
	}
	if err := c.Trains(); err != nil {
		return err
	}
	for _, d := range c.Devices.Towers {
		if _, _, err := backend.Find(d); err != nil {
			return err
		}
	}
	o.Runs = cmp.Or(o.Runs, "runs")
	if o.Run != "" && (!filepath.IsLocal(o.Run) || filepath.Clean(o.Run) == ".") {
		return fmt.Errorf("run %q, want the name of a folder below that of the runs, %s", o.Run, o.Runs)
	}
	if o.Run == "" && o.Resume {
		if o.Run = train.LastName(o.Runs, baseName(c)); o.Run == "" {
			return fmt.Errorf("%w: %s has no run %s-001", ErrNoRun, o.Runs, baseName(c))
		}
	}
	switch dir := filepath.Join(o.Runs, o.Run); {
	case o.Resume:
		if err := train.Resumable(dir); err != nil {
			return err
		}
		o.takeChoices(dir, c)
		return nil
	case o.Run != "":
		return train.Free(dir)
	}
	return nil
}

// takeChoices takes over what was measured for the run so far: its kernels, unless the configuration names some or says
// [], and which devices "auto" is.
func (o *TrainOptions) takeChoices(dir string, c *Config) {
	run, err := LoadRun(dir)
	switch {
	case err == nil:
		c.Devices.Take(run.Devices)
	case !errors.Is(err, fs.ErrNotExist):
		o.note(fmt.Sprintf("kernels are chosen anew: %v", err))
	}
}

// baseName is what the runs of a configuration are called before their number.
func baseName(c *Config) string { return cmp.Or(c.Network.Title(), "run") }

func (o *TrainOptions) folder(c *Config) (*train.Folder, error) {
	dir := filepath.Join(o.Runs, o.Run)
	switch {
	case o.Resume:
		return train.OpenFolder(dir)
	case o.Run == "":
		return train.CreateNext(o.Runs, baseName(c), c.TOML())
	}
	return train.CreateFolder(dir, c.TOML())
}
