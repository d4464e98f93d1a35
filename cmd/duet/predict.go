package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duet/dataloader/picture"
	"duet/engine/metrics"
)

// guesses are how many classes predict shows.
const guesses = 5

type prediction struct {
	Image   string  `json:"image"`
	Guesses []guess `json:"guesses"`
}

type guess struct {
	Class       string  `json:"class"`
	Label       int     `json:"label"`
	Probability float64 `json:"probability"`
}

func predictCommand() *cobra.Command {
	var views int
	var asJSON bool
	var o modelFlags
	c := &cobra.Command{
		Use:     "predict CHECKPOINT IMAGE...",
		Short:   "Classify images with a checkpoint",
		Example: "  duet predict runs/first/checkpoints/best.safetensors cat.jpg dog.png",
		Args:    args(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, given []string) (err error) {
			if views != 1 && views != 10 {
				return usage("--views %d, want 1 or 10", views)
			}
			config, f, err := o.open(given[0])
			if err != nil {
				return err
			}
			if o.batch == 0 {
				config.Train.Batch = min(config.Train.Batch, len(given)-1)
			}
			m, err := o.model(config, f)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, m.Close()) }()
			var images [][]byte
			for _, path := range given[1:] {
				image, err := picture.ReadFile(path, picture.Options{Size: m.Input.Height, EXIF: config.Data.EXIF, AllowTruncated: config.Data.AllowTruncated})
				if err != nil {
					return err
				}
				images = append(images, image)
			}
			probs, err := m.Predict(images, views)
			if err != nil {
				return err
			}
			var all []prediction
			for i, p := range probs {
				all = append(all, prediction{given[1+i], top(p, m.Input.Classes)})
			}
			if asJSON {
				return printJSON(all)
			}
			for _, p := range all {
				printPrediction(p)
			}
			return nil
		},
	}
	c.Flags().IntVar(&views, "views", 1, "views an image: 1 (centre) or 10 (corners, centre and mirrors)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	o.add(c)
	return c
}

// top are the most probable classes.
func top(probs []float64, classes []string) []guess {
	var all []guess
	for label, p := range probs {
		all = append(all, guess{classes[label], label, p})
	}
	slices.SortStableFunc(all, func(a, b guess) int { return cmp.Compare(b.Probability, a.Probability) })
	return all[:min(guesses, len(all))]
}

func printPrediction(p prediction) {
	const width = 30
	fmt.Println(p.Image)
	longest := 0
	for _, g := range p.Guesses {
		longest = max(longest, len(g.Class))
	}
	for _, g := range p.Guesses {
		filled := int(g.Probability*width + 0.5)
		fmt.Printf("  %-*s  %s%s  %s\n", longest, g.Class, strings.Repeat("█", filled), strings.Repeat("·", width-filled),
			metrics.FormatPercent(g.Probability))
	}
}
