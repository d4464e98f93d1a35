package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/dataloader/packed"
	"duet/engine/look"
)

// A near image is one of the training set at a distance.
type near struct {
	index    int
	distance float64
}

// A query is an image whose neighbours are sought.
type query struct {
	image  image.Image
	title  string
	values []float32
	near   []near // the nearest first
}

// meet takes an image of the training set among the nearest n, if it is one of them. Of equally distant ones the first
// counts.
func (q *query) meet(index int, values []float32, n int) {
	var sum float64
	for i, v := range values {
		d := float64(v - q.values[i])
		sum += d * d
	}
	distance := math.Sqrt(sum)
	if len(q.near) == n && !(distance < q.near[n-1].distance) {
		return
	}
	at, _ := slices.BinarySearchFunc(q.near, distance, func(a near, d float64) int {
		return cmp.Or(cmp.Compare(a.distance, d), -1)
	})
	q.near = slices.Insert(q.near, at, near{index, distance})
	q.near = q.near[:min(len(q.near), n)]
}

func showNeighboursCommand() *cobra.Command {
	var out, layer string
	var count, nearest int
	o := testFlags{any: true}
	c := &cobra.Command{
		Use:   "neighbours CHECKPOINT [IMAGE...]",
		Short: "Draw images with the training images that a network finds most alike",
		Long: `Neighbours draws a row for each image: right of it the training images whose activations of a layer are
nearest to its own, as the right half of Figure 4 of the paper of 2012. The distance is the Euclidean one, and stands
below each. The images are the given ones, or some of the validation images, evenly spread. The layer is the one before
the last, whose features the classes are told apart by (fc7 of AlexNet), or --layer. A name that ends in .csv gets
numbers and distances.`,
		Example: `  duet show neighbours runs/first
  duet show neighbours runs/first cat.jpg --nearest 10 --layer fc6 --out cat.png`,
		Args: args(cobra.MinimumNArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if err := checkOut(out, pictureOrTable...); err != nil {
			return err
		}
		if count < 1 || count > 100 || nearest < 1 || nearest > 100 {
			return usage("--images %d --nearest %d, want 1 to 100", count, nearest)
		}
		if len(given) > 1 { // there may be no validation images
			if err := c.Flags().Set("split", packed.Train); err != nil {
				return err
			}
		}
		return o.test(c, given[0], func(classifier *duet.Classifier, set *duet.TestSet) error {
			layer, err := layerOr(layer, classifier)
			if err != nil {
				return err
			}
			if err := classifier.Keep(layer); err != nil {
				return err
			}
			queries, err := queriesOf(c.Context(), classifier, set, given[1:], count)
			if err != nil {
				return err
			}
			training, err := classifier.OpenTestSet(c.Context(), "", duet.EvaluateOptions{Split: packed.Train})
			if err != nil {
				return err
			}
			defer training.Close() // nothing was written
			if _, err = training.Test(c.Context(), 0, func(t duet.Tested) error {
				for i := range queries {
					queries[i].meet(t.Index, t.Activations[0], nearest)
				}
				return nil
			}); err != nil {
				return err
			}
			return writeNeighbours(out, fmt.Sprintf("nearest of %d training images by %s", training.Len(), layer), training,
				queries)
		})
	}
	c.Flags().StringVar(&out, "out", "neighbours.png", "file to write: .svg, .png or .csv")
	c.Flags().StringVar(&layer, "layer", "", "whose activations are compared; default: the one before the last")
	c.Flags().IntVar(&count, "images", 5, "how many of the validation images")
	c.Flags().IntVar(&nearest, "nearest", 6, "how many neighbours")
	o.add(c)
	return c
}

// layerOr is a layer, or where none is named the last one of a network's but that which gives the scores, and but a
// dropout.
func layerOr(layer string, c *duet.Classifier) (string, error) {
	if layer != "" {
		return layer, nil
	}
	layers, err := c.Layers()
	if err != nil {
		return "", err
	}
	for i := len(layers) - 2; i >= 0; i-- {
		if layers[i].Operation != "scale" { // as of a dropout in tests
			return layers[i].Layer, nil
		}
	}
	return "", errors.New("the network has no layer before the scores")
}

// queriesOf are the given images, or some of the set.
func queriesOf(ctx context.Context, c *duet.Classifier, set *duet.TestSet, paths []string, count int) ([]query, error) {
	var titles []string
	var images []image.Image
	var err error
	if len(paths) > 0 {
		if paths, err = imagesIn(paths); err != nil {
			return nil, err
		}
		images, err = decoded(c, paths)
		for _, path := range paths {
			titles = append(titles, filepath.Base(path))
		}
	} else {
		numbers := evenly(count, set.Len())
		images, err = imagesOfSet(set.Set, numbers)
		for _, i := range numbers {
			titles = append(titles, fmt.Sprintf("%d %s", i, className(set.Classes()[set.Labels()[i]])))
		}
	}
	if err != nil {
		return nil, err
	}
	seen, err := c.Observe(ctx, images...)
	if err != nil {
		return nil, err
	}
	var all []query
	for i, t := range seen {
		all = append(all, query{image: images[i], title: titles[i], values: t.Activations[0]})
	}
	return all, nil
}

func writeNeighbours(out, title string, training *duet.TestSet, queries []query) error {
	if strings.EqualFold(filepath.Ext(out), ".csv") {
		files, err := training.Files()
		if err != nil {
			return err
		}
		rows := [][]string{{"image", "rank", "neighbour", "file", "distance"}}
		for _, q := range queries {
			for rank, n := range q.near {
				rows = append(rows, []string{q.title, strconv.Itoa(rank + 1), strconv.Itoa(n.index), files[n.index],
					number(n.distance)})
			}
		}
		return writeTable(out, rows)
	}
	var drawn []look.Neighbourhood
	for _, q := range queries {
		row := look.Neighbourhood{Image: q.image, Title: q.title}
		var numbers []int
		for _, n := range q.near {
			numbers = append(numbers, n.index)
		}
		images, err := imagesOfSet(training.Set, numbers)
		if err != nil {
			return err
		}
		for i, n := range q.near {
			row.Nearest = append(row.Nearest, look.Neighbour{Image: images[i],
				Title: className(training.Classes()[training.Labels()[n.index]]), Distance: n.distance})
		}
		drawn = append(drawn, row)
	}
	return writePicture(out, look.Neighbourhoods(title, drawn))
}
