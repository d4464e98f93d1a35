package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"duet"
	"duet/alexnet/convert"
	"duet/engine/checkpoint"
)

func importCommand() *cobra.Command {
	var as, out, layout, channels, names, classes string
	var check importCheck
	var o duet.ImportOptions
	var sets *[]string
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Take the weights of another program",
		Long: `Import makes a checkpoint of weights that PyTorch (.pth, .pt), Caffe (.caffemodel), ONNX or NumPy (.npy, .npz,
pickled arrays, as of JAX) has written, or of safetensors. What kind of file it is its content tells; no code in it
ever runs. --as names the configuration of the network that the weights are of: built in are torchvision, caffe and
caffenet beside duet's own.

A layer takes the weights that --names gives it, or that have its name, or the next in the order of both that fit its
shape, in PyTorch's order of axes or in TensorFlow's. What does not fit is named, and nothing is written; --partial
takes what fits and draws the rest. So it is with what an ONNX file computes and the configuration's layers do not.
Networks of Caffe see blue before red: their first layer and their mean are turned. Of 1000 classes the names are
ILSVRC2012's, in the order of their WordNet IDs.

With --check IMAGE --expect FILE what the layers give for an image is compared with what another program says that they
give, arrays named after the layers in an .npz; the first that differs is named, and nothing is written.`,
		Example: `  duet import alexnet-owt-7be5be79.pth --as torchvision --out alexnet.safetensors
  duet import bvlc_alexnet.caffemodel --as caffe --mean imagenet_mean.binaryproto --out alexnet.safetensors
  duet import conv.npz --as cifar10 --names names.toml --partial --out start.safetensors`,
		Args: args(cobra.ExactArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if as == "" {
			return usage("no --as, want the configuration of the network, such as torchvision")
		}
		if err := newCheckpoint(out); err != nil {
			return err
		}
		switch o.Layout = convert.Layout(layout); layout {
		case "", string(convert.OIHW), string(convert.HWIO):
		default:
			return usage("--layout %q, want oihw or hwio", layout)
		}
		switch bgr := channels == "bgr"; channels {
		case "rgb", "bgr":
			o.BGR = &bgr
		case "":
		default:
			return usage("--channels %q, want rgb or bgr", channels)
		}
		config, err := load(as, *sets)
		if err != nil {
			return err
		}
		if err := errors.Join(readNames(names, &o), readClasses(classes, &o)); err != nil {
			return err
		}
		if (check.image == "") != (check.expect == "") {
			return usage("want --check IMAGE and --expect FILE, both or neither")
		}
		return importFile(c.Context(), given[0], out, config, o, check)
	}
	c.Flags().StringVar(&as, "as", "", "configuration of the network: a file, or the name of one that is built in")
	c.Flags().StringVar(&out, "out", "", "checkpoint to write, which must not exist")
	c.Flags().BoolVar(&o.Partial, "partial", false, "take what fits, and draw the rest from train.seed")
	c.Flags().StringVar(&names, "names", "", "TOML file: for layers of the network the file's, conv1 = \"features.0\"")
	c.Flags().StringVar(&o.Mean, "mean", "", "file with the mean that is subtracted: a binaryproto of Caffe or an .npy")
	c.Flags().StringVar(&classes, "classes", "", "file with the names of the classes, a line each")
	c.Flags().StringVar(&channels, "channels", "", "what the network sees first: rgb or bgr; default: the format's")
	c.Flags().StringVar(&layout, "layout", "", "order of the weights' axes: oihw or hwio; default: the one that fits")
	c.Flags().StringVar(&check.image, "check", "", "image for which to compare what the layers give with --expect")
	c.Flags().StringVar(&check.expect, "expect", "", "arrays that are named after layers, .npz or another file of tensors")
	sets = overrides(c)
	return c
}

// importFile imports a file, and says what has become of it.
func importFile(ctx context.Context, path, out string, config *duet.Config, o duet.ImportOptions,
	check importCheck) error {
	x, err := duet.Import(path, config, o)
	if err != nil {
		return err
	}
	if check.image != "" {
		if err := check.run(ctx, x.Checkpoint); err != nil {
			return err
		}
	}
	var said strings.Builder
	for _, p := range x.Match.Pairs {
		fmt.Fprintf(&said, "%-10s from %s\n", p.Layer, p.From)
	}
	for _, what := range []struct {
		all  []string
		text string
	}{{x.Match.Missing, "%s: drawn, the file has none that fits\n"}, {x.Match.Left, "%s of the file: left out\n"}} {
		for _, name := range what.all {
			fmt.Fprintf(&said, what.text, name)
		}
	}
	for _, difference := range x.Match.Unlike {
		fmt.Fprintf(&said, "differs: %s\n", difference)
	}
	if len(x.Match.Prepared) > 0 {
		fmt.Fprintf(&said, "input: left to [data] of the configuration, not compared: %s\n",
			strings.Join(x.Match.Prepared, ", "))
	}
	if err := checkpoint.Save(out, x.File); err != nil {
		return err
	}
	_, err = fmt.Fprintf(results, "%s%s: %s of %s\n", said.String(), out, counted(len(x.Match.Pairs), "layer"), x.Format)
	return err
}

// importCheck is what --check and --expect say.
type importCheck struct{ image, expect string }

// run compares what the layers give for the image, and prints by how much it differs.
func (k importCheck) run(ctx context.Context, x *duet.Checkpoint) (err error) {
	want, err := convert.ReadTensors(k.expect)
	if err != nil {
		return err
	}
	show := newDisplay()
	defer show.close()
	c, err := x.Open(duet.OpenOptions{Precision: "fp32", Hooks: show.hooks()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	f, err := os.Open(k.image)
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := c.Decode(f)
	if err != nil {
		return fmt.Errorf("%s: %w", k.image, err)
	}
	all, err := c.CompareLayers(ctx, m, want)
	if err != nil {
		return fmt.Errorf("%s: %w", k.expect, err)
	}
	for _, d := range all {
		if _, err := fmt.Fprintf(results, "%-10s within %.1e of its largest activation, %.4g\n", d.Layer, d.Distance,
			d.Largest); err != nil {
			return err
		}
	}
	return duet.FirstDifference(all)
}

// readNames reads --names.
func readNames(path string, o *duet.ImportOptions) error {
	if path == "" {
		return nil
	}
	if _, err := toml.DecodeFile(path, &o.Names); err != nil {
		return fmt.Errorf("--names %s: %w", path, err)
	}
	return nil
}

// readClasses reads --classes.
func readClasses(path string, o *duet.ImportOptions) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("--classes: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name := strings.TrimSpace(lines.Text())
		if name == "" {
			return fmt.Errorf("--classes %s: line %d is empty, want the name of a class", path, len(o.Classes)+1)
		}
		o.Classes = append(o.Classes, name)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("--classes %s: %w", path, err)
	}
	if len(o.Classes) == 0 {
		return fmt.Errorf("--classes %s: no lines, want the names of the classes, a line each", path)
	}
	return nil
}
