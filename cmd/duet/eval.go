package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"duet"
	"duet/dataloader/packed"
	"duet/engine/metrics"
	"duet/engine/train"
	"duet/internal/invalid"
)

func evalCommand() *cobra.Command {
	var data, split string
	var views int
	var asJSON, known bool
	var o modelFlags
	c := &cobra.Command{
		Use:   "eval CHECKPOINT",
		Short: "Test a checkpoint on a validation set",
		Long: `Eval prints the errors of a checkpoint's network, or of the best one of the folder of a run, on images
that have labels. The classes of other data are matched with those that the network learned by their names, whatever
their order. It need not have images of all of them. Of a network of up to five classes there is no top-5 error to
speak of, and it is not printed; in JSON it is 0.`,
		Example: `  duet eval runs/first
  duet eval runs/first/checkpoints/best.safetensors --views 10 --data data/other --json`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) (err error) {
			if split != packed.Val && split != packed.Train {
				return usage("--split %q, want val or train", split)
			}
			if !c.Flags().Changed("split") {
				split = "" // or all of data without a validation split
			}
			show := newDisplay()
			defer show.close()
			classifier, err := o.open(given[0], views, show)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, classifier.Close()) }()
			e, err := classifier.Evaluate(c.Context(), data, duet.EvaluateOptions{Split: split, Known: known})
			if err != nil {
				return stopped(err)
			}
			return printEvaluation(e, asJSON)
		},
	}
	c.Flags().StringVar(&data, "data", "",
		"packed set or source, all of it where it has no validation split; default: what it was trained on")
	c.Flags().StringVar(&split, "split", "val", "val or train")
	c.Flags().BoolVar(&known, "known-classes", false, "leave out images of classes that the network has not learned")
	c.Flags().IntVar(&views, "views", 1, "views an image: 1 (centre) or 10 (corners, centre and mirrors)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: images, top1_error, top5_error, loss")
	o.add(c, "auto")
	return c
}

// modelFlags are the flags of commands that use a trained network.
type modelFlags struct {
	batch     int
	devices   []string
	precision string
}

// add adds the flags. towers says what devices are used when none are named.
func (o *modelFlags) add(c *cobra.Command, towers string) {
	c.Flags().IntVar(&o.batch, "batch", 0, "images at a time; default: as in training")
	addDevices(c, &o.devices, towers)
	c.Flags().StringVar(&o.precision, "precision", "", "fp32 or bf16; default: as in training")
}

// open opens a checkpoint, or the best one of a run's folder.
func (o *modelFlags) open(path string, views int, show *display) (*duet.Classifier, error) {
	if views != 1 && views != 10 {
		return nil, usage("--views %d, want 1 or 10", views)
	}
	if o.batch < 0 {
		return nil, usage("--batch %d, want at least 1", o.batch)
	}
	c, err := duet.Open(path, duet.OpenOptions{Devices: o.devices, Precision: o.precision, Batch: o.batch, Views: views,
		Hooks: show.hooks()})
	if _, impossible := errors.AsType[*invalid.Error](err); impossible {
		return nil, &usageError{err}
	}
	if err == nil && c.Path != path {
		tell("checkpoint: %s", c.Path)
	}
	return c, err
}

// apply puts the flags into a configuration.
func (o *modelFlags) apply(c *train.Config) error {
	if o.batch != 0 {
		c.Train.Batch = o.batch
	}
	if o.precision != "" {
		c.Devices.Precision = o.precision
	}
	return useDevices(c, o.devices)
}

// printEvaluation prints what a test came to.
func printEvaluation(e duet.Evaluation, asJSON bool) error {
	if e.Whole > 0 {
		var said io.Writer = results
		if asJSON {
			said = os.Stderr
		}
		fmt.Fprintf(said, "%s has no validation split: testing all its %s\n", e.Data, counted(e.Whole, "image"))
	}
	if asJSON {
		return printJSON(e.Result)
	}
	fmt.Fprintf(results, "images       %d\ntop-1 error  %s\n", e.Images, metrics.FormatPercent(e.Top1Error))
	if metrics.HasTop5(e.Classes) {
		fmt.Fprintf(results, "top-5 error  %s\n", metrics.FormatPercent(e.Top5Error))
	}
	fmt.Fprintf(results, "loss         %.4f\n", e.Loss)
	return nil
}
