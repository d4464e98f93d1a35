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
	"duet/engine/train"
)

// guesses are how many classes predict shows.
const guesses = 5

// A prediction is of an image, or says why there is none.
type prediction struct {
	Image   string  `json:"image"`
	Guesses []guess `json:"guesses,omitempty"`
	Error   string  `json:"error,omitempty"`
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
		Long:    "Predict prints the most probable classes of each image. One that cannot be read is named, and the status is 1 at the end.",
		Example: "  duet predict runs/first/checkpoints/best.safetensors cat.jpg dog.png",
		Args:    args(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, given []string) (err error) {
			if views != 1 && views != 10 {
				return usage("--views %d, want 1 or 10", views)
			}
			learned, err := o.open(given[0])
			if err != nil {
				return err
			}
			if o.batch == 0 {
				learned.config.Train.Batch = min(learned.config.Train.Batch, len(given)-1)
			}
			m, err := learned.model()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, m.Close()) }()
			paths, o := given[1:], picture.Options{Size: m.Input.Height, Reading: m.Input.Reading}
			var all []prediction
			for first := 0; first < len(paths); first += m.Batch { // their pixels at a time
				some, err := predict(m, paths[first:min(first+m.Batch, len(paths))], o, views)
				if err != nil {
					return err
				}
				all = append(all, some...)
			}
			if asJSON {
				if err := printJSON(all); err != nil {
					return err
				}
			}
			return conclude(all, !asJSON)
		},
	}
	c.Flags().IntVar(&views, "views", 1, "views an image: 1 (centre) or 10 (corners, centre and mirrors)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	o.add(c, "auto")
	return c
}

// predict classifies images that fit in memory together.
func predict(m *train.Model, paths []string, o picture.Options, views int) ([]prediction, error) {
	all := make([]prediction, len(paths))
	var images [][]byte
	var read []int // which of all
	for i, path := range paths {
		all[i].Image = path
		image, err := picture.ReadFile(path, o)
		if err != nil {
			all[i].Error = err.Error()
			continue
		}
		images, read = append(images, image), append(read, i)
	}
	probs, err := m.Predict(images, views)
	if err != nil {
		return nil, err
	}
	for k, p := range probs {
		all[read[k]].Guesses = top(p, m.Input.Classes)
	}
	return all, nil
}

// conclude prints predictions, if they are to be, and makes an error of those that there are not.
func conclude(all []prediction, show bool) error {
	var causes []string
	for _, p := range all {
		switch {
		case p.Error != "":
			causes = append(causes, p.Error)
		case show:
			printPrediction(p)
		}
	}
	switch len(causes) {
	case 0:
		return nil
	case 1:
		return errors.New(causes[0])
	}
	return fmt.Errorf("%d of %d images cannot be read:\n%s", len(causes), len(all), strings.Join(causes, "\n"))
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
	fmt.Fprintln(results, p.Image)
	longest := 0
	for _, g := range p.Guesses {
		longest = max(longest, len(g.Class))
	}
	for _, g := range p.Guesses {
		filled := int(g.Probability*width + 0.5)
		fmt.Fprintf(results, "  %-*s  %s%s  %s\n", longest, g.Class, strings.Repeat("█", filled), strings.Repeat("·", width-filled),
			metrics.FormatPercent(g.Probability))
	}
}
