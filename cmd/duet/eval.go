package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"duet/configs"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/train"
)

func evalCommand() *cobra.Command {
	var data, split string
	var views int
	var asJSON, known bool
	var o modelFlags
	c := &cobra.Command{
		Use:   "eval CHECKPOINT",
		Short: "Test a checkpoint on a validation set",
		Long: `Eval prints the errors of a checkpoint's network, or of the best one of the folder of a run, on images that have labels.
The classes of other data are matched with those that the network learned by their names, whatever their order. It need not
have images of all of them. Of a network of up to five classes there is no top-5 error to speak of, and it is not printed; in
JSON it is 0.`,
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
			sets, err := openData(c.Context(), config.Data, func(o prepare.Outline) error { return knownClasses(in, o.Classes, known) })
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
			if err = sameSize(in, set); err == nil {
				err = knownClasses(in, set.Classes(), known)
			}
			if err != nil {
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
			tested := packed.Val
			if set == sets.Train {
				tested = packed.Train
			}
			noteClasses(in, set, tested, config.Data.Path)
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
	c.Flags().StringSliceVar(&o.devices, "devices", nil, "one or two devices, such as dnnl:0, or auto for the best there are; default: "+towers)
	c.Flags().StringVar(&o.precision, "precision", "", "fp32 or bf16; default: as in training")
}

// A learned network is a checkpoint with what it says of itself.
type learned struct {
	config *train.Config
	input  model.Input
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
	in, err := model.InputFrom(f)
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
func (o *modelFlags) apply(c *train.Config) error {
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
	return c.Devices.Resolve(c.Network.MaxDevices(), note)
}

// model makes a network for testing with the checkpoint's weights.
func (l *learned) model(ctx context.Context) (*model.Model, error) {
	m, err := newModel(ctx, l.config, l.input, model.ForTesting)
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

// sameSize checks that images are of the size that a network learned from.
func sameSize(in model.Input, set *packed.Set) error {
	if set.Height() != in.Height || set.Width() != in.Width {
		return fmt.Errorf("has images of %d x %d, but the network learned from %d x %d: want them prepared with --size %d",
			set.Width(), set.Height(), in.Width, in.Height, in.Height)
	}
	return nil
}

// knownClasses checks that a network has learned the classes of data: all of them or, with others left out, some.
func knownClasses(in model.Input, classes []packed.Class, leaveOut bool) error {
	var unknown []string
	for i, label := range in.Match(classes) {
		if label < 0 {
			unknown = append(unknown, className(classes[i]))
		}
	}
	switch {
	case len(unknown) == len(classes):
		return fmt.Errorf("has none of the classes that the network learned: %s; it learned %s", some(unknown), some(in.Classes))
	case len(unknown) > 0 && !leaveOut:
		return fmt.Errorf("has %s that the network has not learned: %s; want --known-classes to test without their images, or data without them",
			plural(len(unknown), "class", "classes"), some(unknown))
	}
	return nil
}

// noteClasses says which classes do not count: those of a set that the network has not learned, and the other way round.
func noteClasses(in model.Input, set *packed.Set, split, path string) {
	counts, images := set.Index.Splits[split].PerClass, make([]int, len(in.Classes))
	var unknown, without []string
	left := 0
	for i, label := range in.Match(set.Classes()) {
		if label < 0 {
			unknown = append(unknown, className(set.Classes()[i]))
			left += counts[i]
			continue
		}
		images[label] = counts[i]
	}
	for label, n := range images {
		if n == 0 {
			without = append(without, in.ClassName(label))
		}
	}
	if left > 0 {
		fmt.Fprintf(os.Stderr, "note: %s of %s that the network has not learned are left out: %s\n", counted(left, "image"),
			plural(len(unknown), "class", "classes"), some(unknown))
	}
	if len(without) > 0 {
		fmt.Fprintf(os.Stderr, "note: %s has no image of %s that the network learned: %s\n", path,
			plural(len(without), "class", "classes"), some(without))
	}
}

// plural is "1 class", "2 classes".
func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// some are the first of many names, quoted.
func some(names []string) string {
	const most = 5
	var b strings.Builder
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", name)
	}
	if more := len(names) - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
