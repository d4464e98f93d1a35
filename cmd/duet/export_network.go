package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"math"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/alexnet/convert/export"
	"duet/dataloader/picture"
)

// exportFlags are the flags of the commands that write a trained network.
type exportFlags struct {
	out  string
	half bool
}

func (o *exportFlags) add(c *cobra.Command, ending string) {
	c.Flags().StringVar(&o.out, "out", "", "file to write, which must not exist: a name that ends in "+ending)
	c.Flags().BoolVar(&o.half, "half", false, "weights as float16, in half the space")
}

// check says whether there is a name to write to, with one of these endings.
func (o *exportFlags) check(endings ...string) error {
	if o.out == "" {
		return usage("no --out, want the name of a file")
	}
	for _, e := range endings {
		if strings.EqualFold(filepath.Ext(o.out), e) {
			return nil
		}
	}
	return usage("--out %s, want a name that ends in %s", o.out, strings.Join(endings, " or "))
}

// network is what is exported of a checkpoint.
func (o *exportFlags) network(c *duet.Checkpoint) *export.Network {
	n := &export.Network{Setup: c.Config.Setup(), Input: c.Input, File: c.File, Half: o.half, Version: revision}
	if info, ok := debug.ReadBuildInfo(); ok {
		n.Version = versionOf(info)
	}
	return n
}

// taken makes of an error that something is in the way one of usage.
func taken(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return &usageError{err}
	}
	return err
}

func exportONNXCommand() *cobra.Command {
	var o exportFlags
	var devices []string
	c := &cobra.Command{
		Use:   "onnx CHECKPOINT",
		Short: "Write a trained network as an ONNX model",
		Long: `Onnx writes the network of a checkpoint, or of the best one of a run's folder, as an ONNX model of opset 13,
which takes images as they come: "images" are bytes [batch, height, width, 3], red, green, blue, of the size that the
network's data was prepared for; cropping, the mean and the scale are in the graph. "probabilities" are those of the
classes, whose names are in the model's metadata.

Before the file gets its name, it is read again, and what it computes of some images is compared with what duet
computes of them.`,
		Example: `  duet export onnx runs/first --out first.onnx
  duet export onnx runs/first/checkpoints/best.safetensors --out first-half.onnx --half`,
		Args: args(cobra.ExactArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) (err error) {
		if err := cmp.Or(o.check(".onnx"), taken(export.Free(o.out))); err != nil {
			return err
		}
		show := newDisplay()
		defer show.close()
		flags := modelFlags{devices: devices, precision: "fp32"}
		classifier, err := flags.open(given[0], 1, show)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, classifier.Close()) }()
		n := o.network(classifier.Checkpoint)
		if o.half {
			if err := o.round(c.Context(), n, classifier); err != nil {
				return err
			}
		}
		r, err := n.ONNX(c.Context(), o.out, engineOf(classifier))
		if err != nil {
			return taken(err)
		}
		_, err = fmt.Fprintf(results, "%s: %d parameters; probabilities of %d images differ from duet's by at most %.2g\n",
			o.out, r.Parameters, r.Images, r.Difference)
		return err
	}
	o.add(c, ".onnx")
	addDevices(c, &devices, "auto")
	return c
}

// engineOf gives probabilities as predict has them.
func engineOf(c *duet.Classifier) export.Engine {
	return func(ctx context.Context, images [][]byte) (all [][]float64, err error) {
		var given []image.Image
		for _, pixels := range images {
			given = append(given, &picture.RGB{Pix: pixels, Width: c.Input.Width, Height: c.Input.Height})
		}
		seen, err := c.Observe(ctx, given...)
		for _, one := range seen {
			all = append(all, one.Probs)
		}
		return all, err
	}
}

// round makes weights float16, and tells how far that moves probabilities.
func (o *exportFlags) round(ctx context.Context, n *export.Network, c *duet.Classifier) error {
	images := n.Trials()
	before, err := engineOf(c)(ctx, images)
	if err != nil {
		return err
	}
	if err := errors.Join(c.Close(), n.Round()); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	after, err := engineOf(c)(ctx, images)
	if err != nil {
		return err
	}
	most := 0.0
	for i := range before {
		for class, p := range before[i] {
			most = max(most, math.Abs(after[i][class]-p))
		}
	}
	tell("float16 moves probabilities by at most %.2g", most)
	return nil
}
