package main

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/look"
	"duet/engine/metrics"
	"duet/internal/invalid"
)

func lrfindCommand() *cobra.Command {
	var out, data string
	var devices []string
	var asJSON bool
	var o duet.RateOptions
	c := &cobra.Command{
		Use:   "lrfind CONFIG",
		Short: "Try learning rates, and suggest one",
		Long: `Lrfind trains from the initial weights with a rate that grows by the same factor each step, until the loss
explodes, and draws the loss over the rate: the range test of Smith (arXiv 1506.01186). It suggests a tenth of the
rate at which the smoothed loss is least, as there it is already too large to stay at; it also tells where the loss
falls fastest. Nothing of it is kept. A name that ends in .csv gets the numbers.`,
		Example: `  duet lrfind cifar10 --devices auto
  duet lrfind configs/alexnet.toml --from 1e-4 --to 0.5 --steps 200 --out rates.png`,
		Args: args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) error {
		if err := checkOut(out, pictureOrTable...); err != nil {
			return err
		}
		if data != "" {
			*sets = append(*sets, "data.path="+data)
		}
		config, err := load(given[0], *sets)
		if err != nil {
			return err
		}
		if err := useDevices(config, devices); err != nil {
			return err
		}
		show := newDisplay()
		defer show.close()
		o.Hooks = show.hooks()
		t, err := duet.FindRate(c.Context(), config, o)
		if _, impossible := errors.AsType[*invalid.Error](err); impossible {
			return &usageError{err}
		}
		if err != nil {
			return stopped(err)
		}
		if asJSON {
			return printJSON(struct {
				Suggested metrics.Number   `json:"suggested"`
				Least     metrics.Number   `json:"least"`
				Steepest  metrics.Number   `json:"steepest"`
				Points    []duet.RatePoint `json:"points"`
			}{metrics.Number(t.Suggested), metrics.Number(t.Least), metrics.Number(t.Steepest), finite(t.Points)})
		}
		if err := writeRates(out, t); err != nil {
			return err
		}
		if math.IsNaN(t.Suggested) {
			return errors.New("the loss does not fall at any of these rates: want others, or initial weights that can learn")
		}
		_, err = fmt.Fprintf(results, "suggested       %.2g\nleast loss at   %.2g\nfalls most at   %.2g\n", t.Suggested,
			t.Least, t.Steepest)
		return err
	}
	c.Flags().StringVar(&out, "out", "lrfind.svg", "file to write: .svg, .png or .csv")
	c.Flags().StringVar(&data, "data", "", "packed set or source; the same as --set data.path=")
	c.Flags().Float64Var(&o.Least, "from", 1e-6, "the first rate")
	c.Flags().Float64Var(&o.Most, "to", 1, "the last rate")
	c.Flags().IntVar(&o.Steps, "steps", 100, "steps at most")
	c.Flags().BoolVar(&asJSON, "json", false, "print the rates and losses as JSON, and draw nothing")
	addDevices(c, &devices, "the configuration's")
	return c
}

// finite are the points but a last one whose loss is no number, which JSON does not have.
func finite(points []duet.RatePoint) []duet.RatePoint {
	if last := len(points) - 1; last >= 0 && (math.IsNaN(points[last].Loss) || math.IsInf(points[last].Loss, 0)) {
		return points[:last]
	}
	return points
}

func writeRates(out string, t duet.RateTest) error {
	if strings.EqualFold(filepath.Ext(out), ".csv") {
		rows := [][]string{{"rate", "loss", "smoothed"}}
		for _, p := range t.Points {
			rows = append(rows, []string{number(p.Rate), number(p.Loss), number(p.Smoothed)})
		}
		return writeTable(out, rows)
	}
	p, err := look.Charts([]look.Chart{t.Chart()})
	if err != nil {
		return err
	}
	return writePicture(out, p)
}
