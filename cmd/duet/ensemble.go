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
	first   string   // checkpoint
	classes []string // that all tell apart
	images  string   // identity of the set that all are tested on
	sums    []sum    // for each image
}

// A sum is that of the probabilities which the members but the last give the classes of an image.
type sum []float32

// plus adds a member's probabilities.
func (s sum) plus(probs []float64) sum {
	if s == nil {
		s = make(sum, len(probs))
	}
	for class, p := range probs {
		s[class] += float32(p)
	}
	return s
}

// mean makes of the last member's probabilities those of all.
func (s sum) mean(last []float64, members int) {
	for class := range last {
		last[class] = (last[class] + float64(s[class])) / float64(members)
	}
}

// join adds what a network says of the images of a set.
func (e *ensemble) join(ctx context.Context) func(*duet.Classifier, *duet.TestSet) error {
	return func(c *duet.Classifier, set *duet.TestSet) error {
		if err := e.agrees(c, set); err != nil {
			return err
		}
		_, err := set.Test(ctx, 0, func(t model.Tested) error {
			e.sums[t.Index] = e.sums[t.Index].plus(t.Probs)
			return nil
		})
		return err
	}
}

// agrees says why a network cannot be one of the ensemble.
func (e *ensemble) agrees(c *duet.Classifier, set *duet.TestSet) error {
	images := set.Identity() + " " + set.Split
	if e.first == "" {
		e.first, e.classes, e.images, e.sums = c.Path, c.Input.Classes, images, make([]sum, set.Len())
	}
	if err := sameClasses(c, e.first, e.classes); err != nil {
		return err
	}
	if images != e.images {
		return fmt.Errorf("%s would be tested on other images than %s: want --data SET, one for both", c.Path, e.first)
	}
	return nil
}

// sameClasses says why a network has no mean with one of a checkpoint that tells these classes apart.
func sameClasses(c *duet.Classifier, first string, classes []string) error {
	if slices.Equal(c.Input.Classes, classes) {
		return nil
	}
	return fmt.Errorf("%s tells apart other classes than %s, or in another order: their probabilities have no mean",
		c.Path, first)
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
		e.sums[t.Index].mean(t.Probs, e.members)
		if t.Label >= 0 {
			score.Add(t.Probs, t.Label)
		}
		return each(t)
	})
	return score.Result(len(c.Input.Classes)), err
}
