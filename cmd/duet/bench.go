package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"duet/dataloader/packed"
	"duet/dataloader/source"
	"duet/engine/model"
	"duet/engine/train"
)

func benchCommand() *cobra.Command {
	var steps, rounds int
	var asJSON, kernels, withData bool
	var o modelFlags
	c := &cobra.Command{
		Use:   "bench CONFIG",
		Short: "Measure how fast a network trains",
		Long: `Bench measures whole training steps, augmentation and update included, on one batch of random pixels that
stays in the devices' memory; then, in further steps, how long each kernel takes. With --data it measures instead what
feeding costs: steps on batches of the configured data, in turn with steps on a batch that is there already.`,
		Example: `  duet bench configs/alexnet.toml --devices dnnl:0 --batch 32
  duet bench configs/alexnet.toml --devices dnnl:0 --precision bf16 --json
  duet bench configs/alexnet.toml --data --set data.path=data/imagenet`,
		Args: args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) (err error) {
		if steps < 1 {
			return usage("--steps %d, want at least 1", steps)
		}
		if rounds < 1 {
			return usage("--rounds %d, want at least 1", rounds)
		}
		config, err := o.config(given[0], *sets)
		if err != nil {
			return err
		}
		if withData {
			return benchData(c.Context(), config, steps, rounds, asJSON)
		}
		m, err := newModel(c.Context(), config, model.RandomInput(config.Data, classesOf(config)), model.ForBench)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		progress := newCounter(os.Stderr, "measuring "+config.Network.Title(), "steps")
		s, err := m.Bench(c.Context(), steps, progress.show)
		progress.close()
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(s)
		}
		return printSpeed(s, kernels)
	}
	c.Flags().IntVar(&steps, "steps", 10,
		"steps to measure, after two to warm up; in up to five parts, whose median counts")
	c.Flags().BoolVar(&withData, "data", false, "measure what feeding from the configured data costs")
	c.Flags().IntVar(&rounds, "rounds", 5, "with --data: how often the two kinds of steps take turns")
	c.Flags().BoolVar(&kernels, "kernels", false, "print every kernel, not only the layers")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	o.add(c, "those of the configuration")
	return c
}

// benchData measures what feeding costs.
func benchData(ctx context.Context, c *train.Config, steps, rounds int, asJSON bool) (err error) {
	data, err := openData(ctx, c.Data, c.Foresee)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	m, err := newModel(ctx, c, model.InputOf(data.Train, c.Data), model.ForBench)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	progress := newCounter(os.Stderr, "measuring "+c.Network.Title(), "steps")
	f, err := m.BenchData(ctx, data.Train, steps, rounds, progress.show)
	progress.close()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(f)
	}
	fmt.Fprintf(results,
		"%.1f images/s, batch %d on %s: a step on the data takes %.2f ms, on a resident batch %.2f ms: %+.2f %% (medians "+
			"of %d rounds of %d steps)\n", f.ImagesPerSecond, m.Batch, strings.Join(c.Devices.Towers, " + "), f.StepMS,
		f.ResidentMS, 100*f.Slower, f.Rounds, f.Steps)
	fmt.Fprintf(results, "a step waited %.3f ms for its batch; %.1f %% of the batches were ready\n", f.WaitMS, 100*f.Ready)
	return nil
}

// config reads a configuration and puts the flags into it.
func (o *modelFlags) config(path string, sets []string) (*train.Config, error) {
	c, err := load(path, sets)
	if err != nil {
		return nil, err
	}
	if o.batch < 0 {
		return nil, usage("--batch %d, want at least 1", o.batch)
	}
	return c, o.apply(c)
}

// usual are how many classes the data has that a built-in network was made for, by its name.
var usual = map[string]int{"alexnet": 1000}

// classesOf is the number of classes of a configuration whose data is not read: that of the network or of the data,
// or, where the network leaves it to data that is not there, the usual one, which is said.
func classesOf(c *train.Config) int {
	if c.Data.Path == source.GeneratedPath {
		return c.Data.Generated.Classes
	}
	if n := c.Network.Classes(); n > 0 {
		return n
	}
	if x, err := packed.ReadIndex(c.Data.Path); err == nil {
		return len(x.Splits[packed.Train].PerClass)
	}
	n := cmp.Or(usual[c.Network.Title()], 10)
	tell("note: data.path, %s, is no packed set here to count the classes of: taking %d", c.Data.Path, n)
	return n
}

func printSpeed(s model.Speed, kernels bool) error {
	fmt.Fprintf(results,
		"%.1f images/s, batch %d, %s on %s: median step %.2f ms (least %.2f), %.1f GFLOP a step, %.0f GFLOP/s, %d "+
			"parameters\n\n", s.ImagesPerSecond, s.Batch, s.Precision, strings.Join(s.Devices, " + "), s.StepMS, s.StepMinMS,
		s.GFLOPs, s.GFLOPS, s.Parameters)
	t := tabwriter.NewWriter(results, 0, 8, 2, ' ', tabwriter.AlignRight)
	if kernels {
		fmt.Fprintln(t, "device\tlayer\top\tms\tGFLOP/s\tGB/s\tkernel\t")
		for _, k := range s.Kernels {
			fmt.Fprintf(t, "%s\t%s\t%s\t%.3f\t%s\t%s\t%s\t\n", k.Device, k.Layer, k.Op, k.MS, rate(k.GFLOPS), rate(k.GBPS),
				k.Kernel)
		}
		fmt.Fprintln(t, "\t\t\t\t\t\t\t")
	}
	fmt.Fprintln(t, "device\tlayer\tforward ms\tbackward ms\tupdate ms\tGFLOP/s\t")
	for _, l := range s.Layers {
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%.3f\t%.3f\t%s\t\n", l.Device, l.Layer, l.Forward, l.Backward, l.Update, rate(l.GFLOPS))
	}
	return t.Flush()
}

func rate(perSecond float64) string {
	if perSecond == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", perSecond)
}
