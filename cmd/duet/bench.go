package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"duet/dataloader/packed"
	"duet/dataloader/source"
	"duet/engine/limits"
	"duet/engine/model"
	"duet/engine/train"
)

func benchCommand() *cobra.Command {
	var steps, rounds int
	var asJSON, kernels, withData bool
	var card string
	var o modelFlags
	c := &cobra.Command{
		Use:   "bench CONFIG",
		Short: "Measure how fast a network trains",
		Long: `Bench measures whole training steps, augmentation and update included, on one batch of random pixels that
stays in the devices' memory; then, in further steps, how long each kernel takes; updates that a GPU does in one launch
share its time by their elements. With --data it measures instead what feeding costs: steps on batches of the configured
data, in turn with steps on a batch that is there already.

With --kernels a line for each says how fast it computes, and moves its operands, each counted once; how long the GPU
would take at least, as duet plan --limits counts it; and the share that this is of the time. The figures are those of
the GPU that measures, or of the card that --limits names.`,
		Example: `  duet bench configs/alexnet.toml --devices dnnl:0 --batch 32
  duet bench configs/alexnet.toml --devices dnnl:0 --precision bf16 --json
  duet bench configs/alexnet.toml --devices cuda:0 --precision bf16 --kernels
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
		var limit limits.Card
		switch {
		case card != "" && withData:
			return usage("--%s with --data, which measures no kernels: want one of the two", limitsFlag)
		case card != "":
			if limit, err = cardOf(card); err != nil {
				return err
			}
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
		known := card != ""
		if !known {
			limit, known = limits.Of(m.Devices[0].Info())
		}
		if known {
			m.Hold(&s, among(limit, s.Devices))
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
	c.Flags().StringVar(&card, limitsFlag, "", "hold the kernels against a card's limits, "+
		strings.Join(limits.Names(), ", ")+"; default: against the GPU's own")
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
		printKernels(t, s)
	}
	fmt.Fprintln(t, "device\tlayer\tforward ms\tbackward ms\tupdate ms\tGFLOP/s\t")
	for _, l := range s.Layers {
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%.3f\t%.3f\t%s\t\n", l.Device, l.Layer, l.Forward, l.Backward, l.Update, rate(l.GFLOPS))
	}
	if len(s.WaitMS) > 1 {
		fmt.Fprintln(t, "\t\t\t\t\t\t")
		fmt.Fprintln(t, "device\twaits for others, ms\t")
		for d, ms := range s.WaitMS {
			fmt.Fprintf(t, "%s\t%.3f\t\n", s.Devices[d], ms)
		}
	}
	return t.Flush()
}

// printKernels prints a line for each kernel, and their sum; with a card, beside its limits.
func printKernels(t io.Writer, s model.Speed) {
	line := func(device, layer, op, ms, tflops, gbps, limit, by, share, kernel string) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t", device, layer, op, ms, tflops, gbps)
		if s.Card != "" {
			fmt.Fprintf(t, "%s\t%s\t%s\t", limit, by, share)
		}
		fmt.Fprintf(t, "%s\t\n", kernel)
	}
	line("device", "layer", "op", "ms", "TFLOP/s", "GB/s", s.Card+" limit, ms", "by", "share", "kernel")
	all, whole := model.StepTime{By: "all"}, true
	for _, k := range s.Kernels {
		limit, share := limitOf(k)
		line(k.Device, k.Layer, k.Op, milliseconds(k.MS), tera(k.GFLOPS), rate(k.GBPS), limit, k.By, share, k.Kernel)
		all.MS, all.LimitMS, whole = all.MS+k.MS, all.LimitMS+k.LimitMS, whole && k.By != ""
	}
	limit, share := "", ""
	if all.Share = all.LimitMS / all.MS; whole {
		limit, share = limitOf(all)
	}
	line("all", "", "", milliseconds(all.MS), "", "", limit, "", share, "")
	line("", "", "", "", "", "", "", "", "", "")
}

// limitOf is a kernel's limit and its share of the time, nothing where the card's rate is not known.
func limitOf(k model.StepTime) (limit, share string) {
	if k.By == "" {
		return "", ""
	}
	return milliseconds(k.LimitMS), fmt.Sprintf("%.1f %%", 100*k.Share)
}

func milliseconds(ms float64) string { return fmt.Sprintf("%.4f", ms) }

// tera is a rate in TFLOP/s of one in GFLOP/s.
func tera(giga float64) string {
	if giga == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", giga/1e3)
}

func rate(perSecond float64) string {
	if perSecond == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", perSecond)
}
