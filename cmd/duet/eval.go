package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"duet/configs"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/engine/train"
)

func evalCommand() *cobra.Command {
	var data, split string
	var views int
	var asJSON bool
	var o modelFlags
	c := &cobra.Command{
		Use:   "eval CHECKPOINT",
		Short: "Test a checkpoint on a validation set",
		Long: `Eval tests a checkpoint, or the best one of the folder of a run. Of a network of up to five classes there is no top-5 error
to speak of, and it is not printed; in JSON it is 0.`,
		Example: `  duet eval runs/first
  duet eval runs/first/checkpoints/best.safetensors --views 10 --data data/other --json`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) (err error) {
			if views != 1 && views != 10 {
				return usage("--views %d, want 1 or 10", views)
			}
			if split != "val" && split != "train" {
				return usage("--split %q, want val or train", split)
			}
			learned, err := o.open(given[0])
			if err != nil {
				return err
			}
			config, in := learned.config, learned.input
			if data != "" {
				config.Data = config.Data.Whole(data, in.Height, in.Reading)
			}
			sets, err := openData(c.Context(), config.Data, func(o prepare.Outline) error { return sameClasses(in.Classes, o.Classes) })
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, sets.Close()) }()
			if is := sets.Train.Identity(); data == "" && is != in.Identity {
				return fmt.Errorf("%s holds other data (%s) than the network learned from (%s), perhaps with other images for validation: "+
					"want --data %s to test on it all the same", config.Data.Path, is, in.Identity, config.Data.Path)
			}
			set, whole := sets.Val, false
			switch {
			case split == "train":
				set = sets.Train
			case set == nil && data != "" && !c.Flags().Changed("split"):
				set, whole = sets.Train, true
			case set == nil:
				return fmt.Errorf("%s has no validation split; want --split train, or data that has one", config.Data.Path)
			}
			m, err := learned.model(c.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, m.Close()) }()
			if err := sameKind(in, set); err != nil {
				return fmt.Errorf("%s: %w", config.Data.Path, err)
			}
			if is := set.Index.EXIF; is != in.EXIF {
				fmt.Fprintf(os.Stderr, "note: the images of %s were prepared %s --exif, those that the network learned from %s\n", config.Data.Path,
					with(is), with(in.EXIF))
			}
			if whole {
				var said io.Writer = results
				if asJSON {
					said = os.Stderr
				}
				fmt.Fprintf(said, "%s has no validation split: testing all its %s\n", data, counted(set.Len(), "image"))
			}
			progress := newCounter(os.Stderr, "evaluating", "images")
			result, err := m.Evaluate(c.Context(), set, views, progress.show)
			progress.close()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(result)
			}
			fmt.Fprintf(results, "images       %d\ntop-1 error  %s\n", result.Images, metrics.FormatPercent(result.Top1Error))
			if metrics.HasTop5(result.Classes) {
				fmt.Fprintf(results, "top-5 error  %s\n", metrics.FormatPercent(result.Top5Error))
			}
			fmt.Fprintf(results, "loss         %.4f\n", result.Loss)
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "", "packed set or source, all of it where it has no validation split; default: what it was trained on")
	c.Flags().StringVar(&split, "split", "val", "val or train")
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
	c.Flags().StringSliceVar(&o.devices, "devices", nil, "one or two devices, such as dnnl:0, or auto for the best there are; default: "+towers)
	c.Flags().StringVar(&o.precision, "precision", "", "fp32 or bf16; default: as in training")
}

// A learned network is a checkpoint with what it says of itself.
type learned struct {
	config *configs.Config
	input  train.Input
	file   *checkpoint.File
}

// open reads a checkpoint, or the best one of a run's folder.
func (o *modelFlags) open(path string) (*learned, error) {
	path, err := checkpointIn(path)
	if err != nil {
		return nil, err
	}
	f, err := checkpoint.Load(path)
	if err != nil {
		return nil, err
	}
	config, err := configs.Parse(path, []byte(f.Meta.Config), nil)
	if err != nil {
		return nil, err
	}
	in, err := train.InputFrom(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	in.EXIF, in.AllowTruncated = in.EXIF || config.Data.EXIF, in.AllowTruncated || config.Data.AllowTruncated // older ones have only these
	if o.batch < 0 {
		return nil, usage("--batch %d, want at least 1", o.batch)
	}
	config.Devices.Towers = []string{"auto"}
	return &learned{config, in, f}, o.apply(config)
}

// checkpointIn is a path, or, of the folder of a run or of its checkpoints, that of the best checkpoint in it.
func checkpointIn(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() { // reading it will tell
		return path, nil
	}
	for _, dir := range []string{filepath.Join(path, "checkpoints"), path} {
		if found, err := checkpoint.Best(dir); err == nil {
			fmt.Fprintf(os.Stderr, "checkpoint: %s\n", found)
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is a folder without checkpoints: want a checkpoint, or the folder of a run", path)
}

// apply puts the flags into a configuration.
func (o *modelFlags) apply(c *configs.Config) error {
	if o.batch != 0 {
		c.Train.Batch = o.batch
	}
	if len(o.devices) > 0 {
		c.Devices.Towers = o.devices
	}
	if o.precision != "" {
		c.Devices.Precision = o.precision
	}
	if err := c.Devices.Validate(); err != nil {
		return &usageError{err}
	}
	return c.Devices.Resolve(c.Network.Towers, note)
}

// model makes a network for testing with the checkpoint's weights.
func (l *learned) model(ctx context.Context) (*train.Model, error) {
	m, err := newModel(ctx, parts(l.config), l.input, train.ForTesting)
	if err != nil {
		return nil, err
	}
	if err := m.Restore(l.file); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func with(yes bool) string {
	if yes {
		return "with"
	}
	return "without"
}

// sameKind checks that images are of the size and that labels have the meaning that a network learned.
func sameKind(in train.Input, set *packed.Set) error {
	if set.Height() != in.Height || set.Width() != in.Width {
		return fmt.Errorf("has images of %d x %d, but the network learned from %d x %d: want them prepared with --size %d",
			set.Width(), set.Height(), in.Width, in.Height, in.Height)
	}
	return sameClasses(in.Classes, set.ClassIDs())
}

// sameClasses checks that data has the classes that a network learned.
func sameClasses(trained, data []string) error {
	if len(trained) != len(data) {
		return fmt.Errorf("has %d classes, but the network learned %d", len(data), len(trained))
	}
	for i := range trained {
		if trained[i] != data[i] {
			return fmt.Errorf("class %d is %q, but the network learned %q", i, data[i], trained[i])
		}
	}
	return nil
}
