package main

import (
	"context"
	"fmt"
	"slices"

	"duet"
	"duet/engine/model"
)

// An ensemble is several networks that tell apart the same classes; what counts is the mean of their probabilities.
type ensemble struct {
	members int
	first   string      // checkpoint
	classes []string    // that all tell apart
	images  string      // identity of the set that all are tested on
	sums    [][]float32 // of the members' probabilities so far, for each image
}

// join adds what a network says of the images of a set.
func (e *ensemble) join(ctx context.Context) func(*duet.Classifier, *duet.TestSet) error {
	return func(c *duet.Classifier, set *duet.TestSet) error {
		if err := e.agrees(c, set); err != nil {
			return err
		}
		_, err := set.Test(ctx, 0, func(t model.Tested) error {
			sum := e.sums[t.Index]
			if sum == nil {
				sum = make([]float32, len(t.Probs))
				e.sums[t.Index] = sum
			}
			for class, p := range t.Probs {
				sum[class] += float32(p)
			}
			return nil
		})
		return err
	}
}

// agrees says why a network cannot be one of the ensemble.
func (e *ensemble) agrees(c *duet.Classifier, set *duet.TestSet) error {
	images := set.Identity() + " " + set.Split
	switch {
	case e.first == "":
		e.first, e.classes, e.images, e.sums = c.Path, c.Input.Classes, images, make([][]float32, set.Len())
	case !slices.Equal(c.Input.Classes, e.classes):
		return fmt.Errorf("%s tells apart other classes than %s, or in another order: their probabilities have no mean",
			c.Path, e.first)
	case images != e.images:
		return fmt.Errorf("%s would be tested on other images than %s: want --data SET, one for both", c.Path, e.first)
	}
	return nil
}

// test is what the last network and the others come to; each is told of every image with the mean probabilities.
func (e *ensemble) test(ctx context.Context, c *duet.Classifier, set *duet.TestSet, each func(model.Tested) error) (
	model.Result, error) {
	if e.members == 1 {
		return set.Test(ctx, 0, each)
	}
	if err := e.agrees(c, set); err != nil {
		return model.Result{}, err
	}
	var score model.Score
	_, err := set.Test(ctx, 0, func(t model.Tested) error {
		for class := range t.Probs {
			t.Probs[class] = (t.Probs[class] + float64(e.sums[t.Index][class])) / float64(e.members)
		}
		if t.Label >= 0 {
			score.Add(t.Probs, t.Label)
		}
		return each(t)
	})
	return score.Result(len(c.Input.Classes)), err
}
