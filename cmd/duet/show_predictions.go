package main

import (
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/look"
	"duet/engine/model"
)

func showPredictionsCommand() *cobra.Command {
	var out string
	var count int
	var wrong bool
	var o testFlags
	c := &cobra.Command{
		Use:   "predictions CHECKPOINT [IMAGE...]",
		Short: "Draw images with the classes that they are taken for",
		Long: `Predictions draws images, below each its class and the five most probable ones as bars, as the left half of
Figure 4 of the paper of 2012; the bar of the true class is red. The images are the given ones, or those of the folders
given, or else some of the validation images, evenly spread; with --errors of those that are taken for another class.
A name that ends in .csv gets the numbers.`,
		Example: `  duet show predictions runs/first
  duet show predictions runs/first --errors --images 16 --out errors.svg
  duet show predictions runs/first cat.jpg dog.png`,
		Args: args(cobra.MinimumNArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if err := checkOut(out, pictureOrTable...); err != nil {
			return err
		}
		if count < 1 || count > 1000 {
			return usage("--images %d, want 1 to 1000", count)
		}
		if len(given) > 1 {
			if wrong || o.data != "" {
				return usage("--errors or --data beside images, which have no labels")
			}
			return predictionsOf(c, &o, out, given[0], given[1:])
		}
		return o.test(c, given[0], func(classifier *duet.Classifier, set *duet.TestSet) error {
			if wrong {
				return writeErrors(c, out, count, classifier, set)
			}
			numbers := evenly(count, set.Len())
			all, err := observed(c.Context(), classifier, set, numbers)
			if err != nil {
				return err
			}
			title := fmt.Sprintf("%s: %d of %d images", set.Data, len(numbers), set.Len())
			return writePicked(out, title, classifier, set, all)
		})
	}
	c.Flags().StringVar(&out, "out", "predictions.png", "file to write: .svg, .png or .csv")
	c.Flags().IntVar(&count, "images", 12, "how many of the data")
	c.Flags().BoolVar(&wrong, "errors", false, "only images that are taken for another class")
	o.add(c)
	return c
}

func showLossesCommand() *cobra.Command {
	var out string
	var count int
	var o testFlags
	c := &cobra.Command{
		Use:   "losses CHECKPOINT",
		Short: "Draw the images that a network is most wrong about",
		Long: `Losses draws the images with the largest losses, the worst first: what is hard, and often what is labelled
wrongly. The loss is the cross entropy in nats, minus the logarithm of the probability that the true class was given.
A name that ends in .csv gets the losses of all images, likewise in order.`,
		Example: `  duet show losses runs/first
  duet show losses runs/first --split train --out losses.csv`,
		Args: args(cobra.ExactArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if err := checkOut(out, pictureOrTable...); err != nil {
			return err
		}
		if count < 1 || count > 1000 {
			return usage("--images %d, want 1 to 1000", count)
		}
		return o.test(c, given[0], func(classifier *duet.Classifier, set *duet.TestSet) error {
			most := count
			if strings.EqualFold(filepath.Ext(out), ".csv") {
				most = set.Len()
			}
			worst := model.Worst{Most: most}
			_, err := set.Test(c.Context(), 0, func(t duet.Tested) error {
				worst.Add(t.Verdict(guesses))
				return nil
			})
			if err != nil {
				return err
			}
			return writePicked(out, fmt.Sprintf("%s: the largest losses of %d images", set.Data, set.Len()), classifier, set,
				worst.All())
		})
	}
	c.Flags().StringVar(&out, "out", "losses.png", "file to write: .svg, .png or .csv")
	c.Flags().IntVar(&count, "images", 12, "how many are drawn")
	o.add(c)
	return c
}

// writeErrors draws so many of the images that are taken for another class, evenly spread.
func writeErrors(c *cobra.Command, out string, count int, classifier *duet.Classifier, set *duet.TestSet) error {
	all, err := errorsOf(c, set)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: no image of %d is taken for another class", set.Data, set.Len())
	}
	var some []model.Verdict
	for _, i := range evenly(count, len(all)) {
		some = append(some, all[i])
	}
	title := fmt.Sprintf("%s: %d of %d errors in %d images", set.Data, len(some), len(all), set.Len())
	return writePicked(out, title, classifier, set, some)
}

// errorsOf are the images of a set that are taken for another class.
func errorsOf(c *cobra.Command, set *duet.TestSet) (all []model.Verdict, err error) {
	_, err = set.Test(c.Context(), 0, func(t duet.Tested) error {
		if v := t.Verdict(guesses); v.Label >= 0 && v.Guesses[0].Label != v.Label {
			all = append(all, v)
		}
		return nil
	})
	return all, err
}

// writePicked draws images of a set, or writes their numbers.
func writePicked(out, title string, c *duet.Classifier, set *duet.TestSet, all []model.Verdict) error {
	if strings.EqualFold(filepath.Ext(out), ".csv") {
		files, err := set.Files()
		if err != nil {
			return err
		}
		rows := [][]string{{"image", "file", "class", "loss", "rank", "taken_for", "probability"}}
		for _, v := range all {
			for rank, g := range v.Guesses {
				loss := ""
				if v.Label >= 0 {
					loss = number(v.Loss)
				}
				rows = append(rows, []string{strconv.Itoa(v.Index), files[v.Index], set.ClassIDs()[set.Labels()[v.Index]], loss,
					strconv.Itoa(rank + 1), c.Input.Classes[g.Label], number(g.Probability)})
			}
		}
		return writeTable(out, rows)
	}
	drawn, err := sightings(c, set, all)
	if err != nil {
		return err
	}
	return writePicture(out, look.Sightings(title, drawn))
}

// number is a number in a table.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// predictionsOf draws images of files.
func predictionsOf(c *cobra.Command, o *testFlags, out, checkpoint string, given []string) (err error) {
	show := newDisplay()
	defer show.close()
	classifier, err := o.open(checkpoint, o.views, show)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, classifier.Close()) }()
	paths, err := imagesIn(given)
	if err != nil {
		return err
	}
	images, err := decoded(classifier, paths)
	if err != nil {
		return err
	}
	seen, err := classifier.Observe(c.Context(), images...)
	if err != nil {
		return stopped(err)
	}
	rows := [][]string{{"file", "rank", "taken_for", "probability"}}
	var drawn []look.Sighting
	for i, t := range seen {
		v := t.Verdict(guesses)
		drawn = append(drawn, sighting(classifier, v, images[i], filepath.Base(paths[i]), ""))
		for rank, g := range v.Guesses {
			rows = append(rows, []string{paths[i], strconv.Itoa(rank + 1), classifier.Input.Classes[g.Label],
				number(g.Probability)})
		}
	}
	if strings.EqualFold(filepath.Ext(out), ".csv") {
		return writeTable(out, rows)
	}
	return writePicture(out, look.Sightings(classifier.Path, drawn))
}

// decoded reads images.
func decoded(c *duet.Classifier, paths []string) (all []image.Image, err error) {
	for _, path := range paths {
		m, err := decode(c, path)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}
