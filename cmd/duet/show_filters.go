package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/checkpoint"
	"duet/engine/look"
	"duet/engine/train"
)

// A selectivity is how much of a filter is about colour.
type selectivity struct {
	Tower       int     `json:"tower"`
	Filter      int     `json:"filter"`
	Selectivity float64 `json:"selectivity"`
}

func showFiltersCommand() *cobra.Command {
	var out, layer string
	var asJSON, every bool
	c := &cobra.Command{
		Use:   "filters CHECKPOINT|RUN",
		Short: "Draw the filters of a convolution, tower above tower",
		Long: `Filters draws the kernels of the first convolution in colour, as Figure 3 of the paper of 2012: those of the
first tower above those of the second, each scaled by its largest weight, 0 as grey. Of another layer (--layer) each
kernel is a row of its channels, in grey.

Colour selectivity says how much of a filter is about colour, from 0 (its weights are the same in red, green and blue:
it looks at brightness) to 1 (they add up to nothing everywhere: it looks at differences of colour). It is the share of
the sum of the squared weights that is left when the mean of the three channels is taken away; of a tower, the mean of
its filters. A name that ends in .csv gets these numbers of each filter.

With --every it is RUN, the folder of a run, and what is drawn is how the selectivity of each tower moved over all its
checkpoints.`,
		Example: `  duet show filters runs/first
  duet show filters runs/first --layer conv2 --out conv2.png
  duet show filters runs/first --json
  duet show filters runs/first --every --out selectivity.svg`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			if err := checkOut(out, pictureOrTable...); err != nil {
				return err
			}
			if every {
				return writeMoves(out, given[0], layer, asJSON)
			}
			x, err := duet.ReadFilters(given[0], layer)
			if err != nil {
				return err
			}
			switch isTable := strings.EqualFold(filepath.Ext(out), ".csv"); {
			case (asJSON || isTable) && !x.InColour():
				return notInColour(x)
			case asJSON:
				return printJSON(selectivities(x))
			case isTable:
				return writeSelectivities(out, selectivities(x))
			}
			return writePicture(out, x.Sheet())
		},
	}
	c.Flags().StringVar(&out, "out", "filters.png", "file to write: .svg, .png, or .csv for the colour selectivity")
	c.Flags().StringVar(&layer, "layer", "", "a convolution; the first one where none is named")
	c.Flags().BoolVar(&every, "every", false, "the selectivity of each tower, over all checkpoints of a run")
	c.Flags().BoolVar(&asJSON, "json", false, "print the colour selectivity of each filter as JSON, and draw nothing")
	return c
}

func notInColour(x *look.Filters) error {
	return usage("%s sees %d channels: colour selectivity is of three", x.Layer, x.Towers[0][0].Channels)
}

// A move is the colour selectivity of a tower after a step.
type move struct {
	Step        uint64  `json:"step"`
	Tower       int     `json:"tower"`
	Selectivity float64 `json:"selectivity"`
}

// writeMoves writes how the selectivity of the towers of a run moved.
func writeMoves(out, run, layer string, asJSON bool) error {
	folder := train.Folder{Dir: run}
	paths, err := checkpoint.All(folder.Checkpoints())
	if err != nil {
		return fmt.Errorf("%w: want the folder of a run", err)
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s has no checkpoints of steps: want the folder of a run", run)
	}
	var moves []move
	chart := look.Chart{X: "step", Y: "colour selectivity"}
	rows := [][]string{{"step", "tower", "selectivity"}}
	for _, path := range paths {
		x, err := duet.ReadFilters(path, layer)
		if err != nil {
			return err
		}
		if !x.InColour() {
			return notInColour(x)
		}
		for t := range x.Towers {
			if t == len(chart.Curves) {
				chart.Curves = append(chart.Curves, look.Curve{Name: fmt.Sprintf("tower %d", t), Group: t})
			}
			m, curve := move{x.Step, t, x.Selectivity(t)}, &chart.Curves[t]
			moves = append(moves, m)
			rows = append(rows, []string{strconv.FormatUint(m.Step, 10), strconv.Itoa(t), number(m.Selectivity)})
			curve.X, curve.Y = append(curve.X, float64(m.Step)), append(curve.Y, m.Selectivity)
		}
	}
	switch {
	case asJSON:
		return printJSON(moves)
	case strings.EqualFold(filepath.Ext(out), ".csv"):
		return writeTable(out, rows)
	}
	p, err := look.Charts([]look.Chart{chart})
	if err != nil {
		return err
	}
	return writePicture(out, p)
}

// selectivities are those of all filters, numbered within their towers.
func selectivities(x *look.Filters) (all []selectivity) {
	for t, filters := range x.Towers {
		for i, f := range filters {
			all = append(all, selectivity{t, i, f.Selectivity()})
		}
	}
	return all
}

func writeSelectivities(path string, all []selectivity) error {
	rows := [][]string{{"tower", "filter", "selectivity"}}
	for _, s := range all {
		rows = append(rows, []string{strconv.Itoa(s.Tower), strconv.Itoa(s.Filter), number(s.Selectivity)})
	}
	return writeTable(path, rows)
}
