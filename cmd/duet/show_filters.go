package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/look"
)

// A selectivity is how much of a filter is about colour.
type selectivity struct {
	Tower       int     `json:"tower"`
	Filter      int     `json:"filter"`
	Selectivity float64 `json:"selectivity"`
}

func showFiltersCommand() *cobra.Command {
	var out, layer string
	var asJSON bool
	c := &cobra.Command{
		Use:   "filters CHECKPOINT",
		Short: "Draw the filters of a convolution, tower above tower",
		Long: `Filters draws the kernels of the first convolution in colour, as Figure 3 of the paper of 2012: those of the
first tower above those of the second, each scaled by its largest weight, 0 as grey. Of another layer (--layer) each
kernel is a row of its channels, in grey.

Colour selectivity says how much of a filter is about colour, from 0 (its weights are the same in red, green and blue:
it looks at brightness) to 1 (they add up to nothing everywhere: it looks at differences of colour). It is the share of
the sum of the squared weights that is left when the mean of the three channels is taken away; of a tower, the mean of
its filters. A name that ends in .csv gets these numbers of each filter.`,
		Example: `  duet show filters runs/first
  duet show filters runs/first --layer conv2 --out conv2.png
  duet show filters runs/first --json`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			if err := checkOut(out, pictureOrTable...); err != nil {
				return err
			}
			trained, err := duet.ReadCheckpoint(given[0])
			if err != nil {
				return err
			}
			x, err := look.ReadFilters(trained.Config.Setup(), trained.Input, trained.File, layer)
			if err != nil {
				return fmt.Errorf("%s: %w", trained.Path, err)
			}
			switch isTable := strings.EqualFold(filepath.Ext(out), ".csv"); {
			case (asJSON || isTable) && x.Towers[0][0].Channels != 3:
				return usage("%s sees %d channels: colour selectivity is of three", x.Layer, x.Towers[0][0].Channels)
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
	c.Flags().BoolVar(&asJSON, "json", false, "print the colour selectivity of each filter as JSON, and draw nothing")
	return c
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
		rows = append(rows, []string{strconv.Itoa(s.Tower), strconv.Itoa(s.Filter),
			strconv.FormatFloat(s.Selectivity, 'g', -1, 64)})
	}
	return writeTable(path, rows)
}
