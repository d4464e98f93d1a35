package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/look"
	"duet/engine/metrics"
)

func plotCommand() *cobra.Command {
	var out, axis string
	var of []string
	var smooth float64
	c := &cobra.Command{
		Use:   "plot RUN...",
		Short: "Draw curves of runs",
		Long: `Plot draws how runs went, in one picture: RUN is the folder of one, which may still be training. Of what
validations measure too, that is the dashed line. Measures are loss, error (top-1), top5, rate (of learning), speed
(images a second), wait (for data) and memory (of devices). The axis is step, epoch, or hour: of training, by the speed
of each step, without validations and pauses. A name that ends in .csv gets the numbers.`,
		Example: `  duet plot runs/first runs/second
  duet plot runs/* --of loss,rate --by epoch --smooth 0.9 --out curves.png`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			if err := checkOut(out, pictureOrTable...); err != nil {
				return err
			}
			if !slices.Contains(look.Axes, axis) {
				return usage("--by %s, want one of %s", axis, strings.Join(look.Axes, ", "))
			}
			if !(smooth >= 0 && smooth < 1) {
				return usage("--smooth %v, want at least 0 and less than 1", smooth)
			}
			for _, one := range of {
				if !slices.Contains(look.Measures, one) {
					return usage("--of %s, want some of %s", one, strings.Join(look.Measures, ", "))
				}
			}
			var runs []look.Run
			for _, path := range given {
				r, err := readRun(path)
				if err != nil {
					return err
				}
				runs = append(runs, r)
			}
			charts := look.Plot(runs, of, axis, smooth)
			if strings.EqualFold(filepath.Ext(out), ".csv") {
				return writeCurves(out, of, charts)
			}
			p, err := look.Charts(charts)
			if err != nil {
				return err
			}
			return writePicture(out, p)
		},
	}
	c.Flags().StringVar(&out, "out", "plot.svg", "file to write: .svg, .png or .csv")
	c.Flags().StringSliceVar(&of, "of", []string{"loss", "error"}, "some of "+strings.Join(look.Measures, ", "))
	c.Flags().StringVar(&axis, "by", "step", "step, epoch or hour")
	c.Flags().Float64Var(&smooth, "smooth", 0, "weight of the past in a moving average of the steps, such as 0.9")
	return c
}

// readRun reads what a run has measured so far.
func readRun(dir string) (r look.Run, err error) {
	if r.Steps, r.Validations, err = metrics.Read(filepath.Join(dir, "metrics.jsonl")); err != nil {
		return r, fmt.Errorf("%s is no run: %w", dir, err)
	}
	config, err := duet.LoadRun(dir)
	if err != nil {
		return r, err
	}
	r.Name, r.Batch = filepath.Base(filepath.Clean(dir)), config.Train.Batch
	return r, nil
}

// writeCurves writes the numbers of curves, a line each.
func writeCurves(path string, of []string, charts []look.Chart) error {
	rows := [][]string{{"measure", "curve", charts[0].X, "value"}}
	for i, chart := range charts {
		for _, curve := range chart.Curves {
			for k := range curve.X {
				rows = append(rows, []string{of[i], curve.Name, number(curve.X[k]), number(curve.Y[k])})
			}
		}
	}
	return writeTable(path, rows)
}
