package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"duet/engine/model"

	"github.com/spf13/cobra"
)

// gradTolerance is what symbolic and numeric gradients may differ by, relatively: the error of a central difference in
// fp64 with h near 1e-5 is about 1e-10 of the loss, which small gradients see magnified.
const gradTolerance = 1e-4

func gradcheckCommand() *cobra.Command {
	var samples, batch int
	c := &cobra.Command{
		Use:   "gradcheck CONFIG",
		Short: "Compare a network's gradients with numeric ones",
		Long: `Gradcheck compares the gradients of every parameter with central differences of the loss, in fp64 on the
reference backend, at some random places. It is meant for small networks: each place costs three forward and backward
passes. A place where a rectifier or a maximum changes sides is left out, and another taken; "too faint" are those
whose gradient is smaller than what the rounding of the loss lets a difference show: they are right as far as can be
seen. A gradient is wrong whose difference is beyond that rounding by more than 1e-4 of it.`,
		Example: "  duet gradcheck smoke --samples 20",
		Args:    args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) error {
		if samples < 1 || batch < 1 {
			return usage("--samples %d --batch %d, want at least 1", samples, batch)
		}
		config, err := load(given[0], *sets)
		if err != nil {
			return err
		}
		config.Devices.Towers = []string{"reference:0"}
		config.Train.Batch = batch
		progress := newCounter(os.Stderr, "checking "+config.Network.Title(), "places").patient()
		checks, err := model.GradCheck(c.Context(), config.Setup(), model.RandomInput(config.Data, classesOf(config)),
			samples, progress.show)
		progress.close()
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(results, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "parameter\tsamples\ttoo faint\tat kinks\tworst relative difference\tbeyond rounding")
		for _, k := range checks {
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1g\t%.1g\n", k.Param, k.Samples, k.Faint, k.Kinks, k.Worst, k.Excess)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		return judge(checks)
	}
	c.Flags().IntVar(&samples, "samples", 5, "places of each parameter")
	c.Flags().IntVar(&batch, "batch", 2, "images of the batch")
	return c
}

// judge is an error where a gradient is wrong, or was not compared with anything.
func judge(checks []model.Check) error {
	var wrong, unseen []string
	told := 0
	for _, k := range checks {
		told += k.Samples - k.Faint
		switch {
		case k.Samples == 0:
			unseen = append(unseen, k.Param)
		case !(k.Excess <= gradTolerance):
			wrong = append(wrong, k.Param)
		}
	}
	const hint = "want more --samples, another train.seed, or larger initial weights"
	switch {
	case len(wrong) > 0:
		return fmt.Errorf("the gradient of %s differs from the numeric one by more than %g", strings.Join(wrong, ", "),
			gradTolerance)
	case len(unseen) > 0:
		return fmt.Errorf("the gradient of %s was not checked, as every place lay at a kink: %s", strings.Join(unseen, ", "),
			hint)
	case told == 0:
		return errors.New("no gradient was checked, as all are too faint to be seen beside the rounding of the loss: " + hint)
	}
	return nil
}
