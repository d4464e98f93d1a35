package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/metrics"
	"duet/engine/train"
)

func trainCommand() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train [CONFIG]",
		Short: "Train a network, or go on with a run",
		Long: `Train trains the network of a configuration, and records everything in a folder: runs/NAME/config.toml,
metrics.jsonl, log.txt and checkpoints/. Without CONFIG it trains the built-in "quick", which draws its own images.

The first SIGINT or SIGTERM finishes the step and saves, a second one leaves at once. A closed terminal (SIGHUP) saves
too, unless nohup has it ignored. --resume goes on with the newest checkpoint of a run, and comes to the same weights
as if it had never stopped. With another CONFIG or --set it says key by key what changes, and refuses what cannot;
epochs go by the images that were seen.`,
		Example: `  duet train                                           # the built-in quick.toml
  duet train configs/cifar10.toml --run first          # into runs/first
  duet train configs/alexnet.toml --data photos --devices auto  # on a folder of images for each class, on what there is
  duet train --run first --resume                      # go on with runs/first
  duet train configs/cifar10.toml --set train.epochs=30 --set devices.precision=bf16`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			if len(given) == 1 {
				o.config = given[0]
			}
			if o.data != "" {
				*o.sets = append(*o.sets, "data.path="+o.data)
			}
			if o.init != "" {
				*o.sets = append(*o.sets, "train.init="+o.init)
			}
			return o.run(c.Context())
		},
	}
	c.Flags().StringVar(&o.name, "run", "",
		"name of the run, or its folder; default: the network's name and the first free number, with --resume the last")
	c.Flags().StringVar(&o.root, "runs", "runs", "folder of the runs")
	c.Flags().BoolVar(&o.resume, "resume", false, "go on with a run from its newest checkpoint")
	c.Flags().BoolVar(&o.board, "tensorboard", false,
		"keep a file in the run's folder that TensorBoard reads: tensorboard --logdir runs")
	c.Flags().StringVar(&o.data, "data", "", "packed set, or source that is packed first; the same as --set data.path=")
	c.Flags().StringVar(&o.init, "init", "",
		"checkpoint, or folder of a run, whose weights to begin with; the same as --set train.init=")
	addDevices(c, &o.devices, "those of the configuration")
	o.sets = overrides(c)
	return c
}

type trainOptions struct {
	config, name, root, data, init string
	devices                        []string
	resume, board                  bool
	sets                           *[]string
}

func (o *trainOptions) run(ctx context.Context) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	if err := useDevices(c, o.devices); err != nil {
		return err
	}
	show := newDisplay()
	defer show.close()
	console := os.Stderr
	if metrics.IsTerminal(console) {
		tell("to watch it in a browser: %s board %s", os.Args[0], quoted(o.root))
	}
	s, err := duet.Train(ctx, c, duet.TrainOptions{Runs: o.root, Run: o.name, Resume: o.resume, TensorBoard: o.board,
		Console: console, Terminal: metrics.ClaimBar(console), Hooks: show.hooks()})
	if err != nil && !isInterrupted(err) {
		return stopped(err)
	}
	if err != nil {
		return err
	}
	return report(s)
}

// load reads the configuration: with --resume alone, that of the run.
func (o *trainOptions) load() (*train.Config, error) {
	if below, err := filepath.Rel(o.root, o.name); err == nil && filepath.IsLocal(below) && below != "." {
		o.name = below // the run's folder, as shells complete it
	}
	if o.name != "" && (!filepath.IsLocal(o.name) || filepath.Clean(o.name) == ".") {
		return nil, usage("--run %q, want the name of a folder below that of --runs, %s", o.name, o.root)
	}
	switch {
	case o.config != "":
		return load(o.config, *o.sets)
	case !o.resume:
		return load("quick", *o.sets)
	case o.name == "":
		return nil, usage("--resume needs --run NAME, or a CONFIG whose last run is meant")
	}
	dir := filepath.Join(o.root, o.name)
	if err := train.Resumable(dir); err != nil {
		return nil, err
	}
	own := filepath.Join(dir, "config.toml")
	if _, err := os.Stat(own); errors.Is(err, fs.ErrNotExist) {
		return nil, usage("%s has no config.toml: want a CONFIG to go on with what else is there", dir)
	}
	return told(duet.LoadRun(dir, *o.sets...))
}

// report prints what the run came to.
func report(s duet.Summary) error {
	fmt.Fprintf(results, "run         %s\n", s.Folder)
	fmt.Fprintf(results, "steps       %d (%.2f epochs)\n", s.Steps, s.Epoch)
	if s.BestError == s.BestError { // not NaN
		fmt.Fprintf(results, "best error  %s top-1 at step %d\n", metrics.FormatPercent(s.BestError), s.BestStep)
	}
	if s.Last != nil {
		top5 := ""
		if metrics.HasTop5(s.Last.Classes) {
			top5 = metrics.FormatPercent(s.Last.Top5Error) + " top-5, "
		}
		fmt.Fprintf(results, "last error  %s top-1, %sloss %.4f\n", metrics.FormatPercent(s.Last.Top1Error), top5,
			s.Last.Loss)
	}
	return nil
}
