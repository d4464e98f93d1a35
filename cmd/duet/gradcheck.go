package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"duet/engine/train"
)

// gradTolerance is what symbolic and numeric gradients may differ by, relatively: the error of a central difference in
// fp64 with h near 1e-5 is about 1e-10 of the loss, which small gradients see magnified.
const gradTolerance = 1e-4

func gradcheckCommand() *cobra.Command {
	var samples, batch int
	c := &cobra.Command{
		Use:   "gradcheck CONFIG",
		Short: "Compare a network's gradients with numeric ones",
		Long: `Gradcheck compares the gradients of every parameter with central differences of the loss, in fp64 on the reference backend,
at some random places. It is meant for small networks: each place costs three forward and backward passes.`,
		Example: "  duet gradcheck smoke --samples 20",
		Args:    args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) error {
		if samples < 1 || batch < 1 {
			return usage("--samples %d --batch %d, want at least 1", samples, batch)
		}
		config, err := readConfig(given[0], *sets)
		if err != nil {
			return &configError{err}
		}
		config.Devices.Towers = []string{"reference:0"}
		config.Train.Batch = batch
		p := parts(config)
		checks, err := train.GradCheck(c.Context(), p, train.RandomInput(p, classesOf(config)), samples)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(results, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "parameter\tsamples\tat kinks\tworst relative difference")
		wrong := ""
		for _, k := range checks {
			fmt.Fprintf(t, "%s\t%d\t%d\t%.2g\n", k.Param, k.Samples, k.Kinks, k.Worst)
			if !(k.Worst <= gradTolerance) && wrong == "" {
				wrong = k.Param
			}
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if wrong != "" {
			return fmt.Errorf("the gradient of %s differs from the numeric one by more than %g", wrong, gradTolerance)
		}
		return nil
	}
	c.Flags().IntVar(&samples, "samples", 5, "places of each parameter")
	c.Flags().IntVar(&batch, "batch", 2, "images of the batch")
	return c
}
