package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/look"
	"duet/engine/model"
)

func showConfusionCommand() *cobra.Command {
	var out string
	var pairs int
	var o testFlags
	c := &cobra.Command{
		Use:   "confusion CHECKPOINT",
		Short: "Draw which classes are taken for which",
		Long: `Confusion draws a matrix with a row for each class, and in it what its images were taken for, and prints the
most confused pairs. Of up to 40 classes cells have their numbers; of a thousand there is a dot for each cell. A name
that ends in .csv gets the counts: a line for each cell that is not empty.`,
		Example: `  duet show confusion runs/first
  duet show confusion runs/first --data data/other --out confusion.csv`,
		Args: args(cobra.ExactArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if err := checkOut(out, pictureOrTable...); err != nil {
			return err
		}
		if pairs < 0 {
			return usage("--pairs %d, want at least 0", pairs)
		}
		return o.test(c, given[0], func(classifier *duet.Classifier, set *duet.TestSet) error {
			x, err := confusionOf(c, classifier, set)
			if err != nil {
				return err
			}
			all := x.Pairs()
			for _, p := range all[:min(pairs, len(all))] {
				fmt.Fprintf(results, "%d of %d images of %s are taken for %s\n", p.Count, p.Of, x.Names[p.True],
					x.Names[p.Taken])
			}
			if strings.EqualFold(filepath.Ext(out), ".csv") {
				return writeConfusion(out, classifier.Input.Classes, x)
			}
			return writePicture(out, x.Picture(set.Data))
		})
	}
	c.Flags().StringVar(&out, "out", "confusion.png", "file to write: .svg, .png or .csv")
	c.Flags().IntVar(&pairs, "pairs", 10, "how many pairs are printed")
	o.add(c)
	return c
}

// confusionOf counts what the images of a set are taken for.
func confusionOf(c *cobra.Command, classifier *duet.Classifier, set *duet.TestSet) (*look.Confusion, error) {
	var names []string
	for label := range classifier.Input.Classes {
		names = append(names, classifier.Input.ClassName(label))
	}
	x := look.NewConfusion(names)
	_, err := set.Test(c.Context(), 0, func(t duet.Tested) error {
		if t.Label >= 0 {
			x.Counts[t.Label][model.MostProbable(t.Probs, 1)[0].Label]++
		}
		return nil
	})
	return x, err
}

func writeConfusion(out string, ids []string, x *look.Confusion) error {
	rows := [][]string{{"class", "taken_for", "images"}}
	for of, row := range x.Counts {
		for taken, count := range row {
			if count > 0 {
				rows = append(rows, []string{ids[of], ids[taken], strconv.Itoa(count)})
			}
		}
	}
	return writeTable(out, rows)
}
