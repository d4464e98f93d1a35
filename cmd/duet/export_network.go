package main

import (
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
	"duet/engine/op"
)

// exportFlags are the flags of the commands that write a trained network.
type exportFlags struct {
	out    string
	ending string // that a file's name must have; "" of a folder
	half   bool
	names  string // of weights
}

func (o *exportFlags) add(c *cobra.Command) {
	what := "folder to write, which must not exist"
	if o.ending != "" {
		what = "file to write, which must not exist: a name that ends in " + o.ending
	}
	c.Flags().StringVar(&o.out, "out", "", what)
	c.Flags().BoolVar(&o.half, "half", false, "weights as float16, in half the space")
}

// check says whether there is a name to write to, which nothing has.
func (o *exportFlags) check() error {
	switch {
	case o.out == "" && o.ending == "":
		return usage("no --out, want the name of a folder")
	case o.out == "":
		return usage("no --out, want the name of a file")
	case o.ending != "" && !strings.EqualFold(filepath.Ext(o.out), o.ending):
		return usage("--out %s, want a name that ends in %s", o.out, o.ending)
	}
	return taken(export.Free(o.out))
}

// network is what is exported of a checkpoint.
func (o *exportFlags) network(c *duet.Checkpoint) *export.Network {
	n := &export.Network{Setup: c.Config.Setup(), Input: c.Input, File: c.File, Half: o.half, Names: o.names,
		Version: revision}
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
	o := exportFlags{ending: ".onnx"}
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
		if err := o.check(); err != nil {
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
	o.add(c)
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

func exportSafetensorsCommand() *cobra.Command {
	o := exportFlags{ending: ".safetensors"}
	c := &cobra.Command{
		Use:   "safetensors CHECKPOINT",
		Short: "Write a trained network's weights alone",
		Long: `Safetensors writes the weights of a checkpoint, or of the best one of a run's folder, without what only a
training needs, under the same names: conv1.weight, conv1.bias and so on; input.mean is what is subtracted from the
pixels. The classes and the configuration are in the metadata. Such a file is half as large as the checkpoint, which
duet itself wants. With --names torchvision the weights of a network that is torchvision's AlexNet, as that of the
preset is, have the names of its state dict, and the mean is left out.`,
		Example: `  duet export safetensors runs/first --out first.safetensors
  duet export safetensors runs/first --out first-half.safetensors --half
  duet export safetensors runs/alexnet --out alexnet.safetensors --names torchvision`,
		Args: args(cobra.ExactArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if o.names != export.OwnNames && o.names != export.TorchvisionNames {
			return usage("--names %s, want %s or %s", o.names, export.OwnNames, export.TorchvisionNames)
		}
		return o.write(given[0], func(n *export.Network) (export.Result, error) { return n.Safetensors(c.Context(), o.out) })
	}
	o.add(c)
	c.Flags().StringVar(&o.names, "names", export.OwnNames, "of the weights: duet or torchvision")
	return c
}

func exportPyTorchCommand() *cobra.Command {
	var o exportFlags
	c := &cobra.Command{
		Use:   "pytorch CHECKPOINT",
		Short: "Write a trained network as a PyTorch module",
		Long: `Pytorch writes a folder with the network of a checkpoint, or of the best one of a run's folder: model.py, an
nn.Module of the same layers, and model.safetensors, its state dict. It takes images as bytes; cropping, the mean and
the scale are in the module. "python model.py IMAGE..." classifies images; it needs torch, safetensors and Pillow.`,
		Example: `  duet export pytorch runs/first --out first
  python first/model.py cat.jpg`,
		Args: args(cobra.ExactArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		return o.write(given[0], func(n *export.Network) (export.Result, error) { return n.PyTorch(c.Context(), o.out) })
	}
	o.add(c)
	return c
}

// write writes what is not tried.
func (o *exportFlags) write(path string, write func(n *export.Network) (export.Result, error)) error {
	if err := o.check(); err != nil {
		return err
	}
	c, err := duet.ReadSome(path, func(name string, _ []int) bool { return !strings.HasPrefix(name, op.VelocityPrefix) })
	if err != nil {
		return err
	}
	if c.Path != path {
		tell("checkpoint: %s", c.Path)
	}
	r, err := write(o.network(c))
	if err != nil {
		return taken(err)
	}
	_, err = fmt.Fprintf(results, "%s: %d parameters\n", o.out, r.Parameters)
	return err
}
