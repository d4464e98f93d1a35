package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"duet/configs"
	"duet/dataloader/prepare"
	"duet/engine/backend"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/train"
)

func trainCommand() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train [CONFIG]",
		Short: "Train a network, or go on with a run",
		Long: `Train trains the network of a configuration, and records everything in a folder: runs/NAME/config.toml,
metrics.jsonl, log.txt and checkpoints/. Without CONFIG it trains the built-in "quick", which draws its own images.

The first SIGINT or SIGTERM finishes the step and saves, a second one leaves at once. A closed terminal (SIGHUP) saves too,
unless nohup has it ignored. --resume goes on with the newest checkpoint of a run, and comes to the same weights as if it had
never stopped. With another CONFIG or --set it says key by key what changes, and refuses what cannot; epochs go by the images
that were seen.`,
		Example: `  duet train                                           # the built-in quick.toml
  duet train configs/cifar10.toml --run first          # into runs/first
  duet train --run first --resume                      # go on with runs/first
  duet train configs/cifar10.toml --set train.epochs=30 --set devices.precision=bf16`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			if len(given) == 1 {
				o.config = given[0]
			}
			return o.run(c.Context())
		},
	}
	c.Flags().StringVar(&o.name, "run", "", "name of the run; default: the network's name and the first free number, with --resume the last")
	c.Flags().StringVar(&o.root, "runs", "runs", "folder of the runs")
	c.Flags().BoolVar(&o.resume, "resume", false, "go on with a run from its newest checkpoint")
	o.sets = overrides(c)
	return c
}

type trainOptions struct {
	config, name, root string
	resume             bool
	sets               *[]string
}

func (o *trainOptions) run(ctx context.Context) (err error) {
	c, err := o.load()
	if err != nil {
		return err
	}
	if c.Devices.Precision == "fp64" {
		return &configError{errors.New("devices.precision: fp64, want fp32 or bf16 to train: checkpoints hold float32, and a run that is resumed " +
			"would come to other weights; bench, plan and gradcheck take fp64")}
	}
	console := os.Stderr
	for _, d := range c.Devices.Towers { // before hours of packing
		if _, _, err := backend.Find(d); err != nil {
			return err
		}
	}
	data, err := openData(ctx, c.Data, func(o prepare.Outline) error {
		if err := c.Foresee(o); err != nil {
			return err
		}
		return c.Train.Suits(o.Val > 0)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	if err := data.Suits(c.Train); err != nil {
		return err
	}
	m, err := newModel(ctx, c, model.InputOf(data.Train, c.Data), model.ForTraining)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	c.Devices.Record(m.Devices) // for the run's folder and its checkpoints
	folder, err := o.folder(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	before := func(text string) (*train.Config, []train.Change, error) {
		was, err := configs.Parse(folder.Dir, []byte(text), nil)
		if err != nil {
			return nil, nil, fmt.Errorf("the configuration of the run so far: %w", err)
		}
		return was, configs.Changes(was, c), nil
	}
	s, err := train.Run(ctx, train.Options{Config: c, Folder: folder, Resume: o.resume, Before: before, Console: console,
		Terminal: metrics.ClaimBar(console)}, data, m)
	if err != nil {
		return err
	}
	return report(folder, s)
}

// load reads the configuration: with --resume alone, that of the run.
func (o *trainOptions) load() (*train.Config, error) {
	if o.name != "" && (!filepath.IsLocal(o.name) || filepath.Clean(o.name) == ".") {
		return nil, usage("--run %q, want the name of a folder below that of --runs, %s", o.name, o.root)
	}
	if !o.resume {
		if o.config == "" {
			o.config = "quick"
		}
		c, err := load(o.config, *o.sets)
		if _, statErr := os.Stat(o.dir()); err == nil && o.name != "" && statErr == nil && !train.IsEmpty(o.dir()) { // before hours of packing
			err = fmt.Errorf("%s: %w; want --resume to go on with it, or another --run", o.dir(), train.ErrExists)
		}
		return c, err
	}
	if o.name == "" {
		if o.config == "" {
			return nil, usage("--resume needs --run NAME, or a CONFIG whose last run is meant")
		}
		c, err := load(o.config, *o.sets)
		if err != nil {
			return nil, err
		}
		if o.name = train.LastName(o.root, baseName(c)); o.name == "" {
			return nil, usage("%s has no run %s-001 to go on with", o.root, baseName(c))
		}
	}
	own := filepath.Join(o.dir(), "config.toml")
	if _, err := os.Stat(own); errors.Is(err, fs.ErrNotExist) {
		_, err := os.Stat(o.dir())
		switch {
		case err != nil:
			return nil, usage("there is no run %s to go on with", o.dir())
		case train.IsEmpty(o.dir()):
			return nil, usage("%s holds nothing to go on with yet: leave --resume out to begin it", o.dir())
		case o.config == "":
			return nil, usage("%s has no config.toml: want a CONFIG to go on with what else is there", o.dir())
		}
	}
	if o.config == "" {
		return load(own, *o.sets)
	}
	return load(o.config, *o.sets)
}

func (o *trainOptions) dir() string { return filepath.Join(o.root, o.name) }

// baseName is what the runs of a configuration are called before their number.
func baseName(c *train.Config) string { return cmp.Or(c.Network.Title(), "run") }

func (o *trainOptions) folder(c *train.Config) (*train.Folder, error) {
	switch {
	case o.resume:
		return train.OpenFolder(o.dir())
	case o.name == "":
		return train.CreateNext(o.root, baseName(c), c.TOML())
	}
	return train.CreateFolder(o.dir(), c.TOML())
}

// report prints what the run came to.
func report(f *train.Folder, s train.Summary) error {
	fmt.Fprintf(results, "run         %s\n", f.Dir)
	fmt.Fprintf(results, "steps       %d (%.2f epochs)\n", s.Steps, s.Epoch)
	if s.BestError == s.BestError { // not NaN
		fmt.Fprintf(results, "best error  %s top-1 at step %d\n", metrics.FormatPercent(s.BestError), s.BestStep)
	}
	if s.Last != nil {
		top5 := ""
		if metrics.HasTop5(s.Last.Classes) {
			top5 = metrics.FormatPercent(s.Last.Top5Error) + " top-5, "
		}
		fmt.Fprintf(results, "last error  %s top-1, %sloss %.4f\n", metrics.FormatPercent(s.Last.Top1Error), top5, s.Last.Loss)
	}
	return nil
}
