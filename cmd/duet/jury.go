package main

import (
	"context"
	"errors"
	"image"

	"duet"
)

// A jury are networks that classify images together, by the mean of their probabilities.
type jury []*duet.Classifier

// join takes a network, which close closes, unless it tells apart other classes than the first.
func (all *jury) join(c *duet.Classifier) error {
	*all = append(*all, c)
	return sameClasses(c, (*all)[0].Path, (*all)[0].Input.Classes)
}

func (all jury) close() error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// predict classifies images that fit in memory together.
func (all jury) predict(ctx context.Context, paths []string) ([]prediction, error) {
	found := make([]prediction, len(paths))
	for i, path := range paths {
		found[i].Image = path
	}
	sums := make([]sum, len(paths))
	for member, c := range all {
		images, read, err := decodeAll(ctx, c, found)
		if err != nil {
			return nil, err
		}
		seen, err := c.Observe(ctx, images...)
		if err != nil {
			return nil, err
		}
		for k, i := range read {
			if member < len(all)-1 {
				sums[i] = sums[i].plus(seen[k].Probs)
				continue
			}
			if member > 0 {
				sums[i].mean(seen[k].Probs, len(all))
			}
			found[i].Guesses = top(all[0].Rank(seen[k].Probs))
		}
	}
	return found, nil
}

// decodeAll reads the images that can be read, as a network wants them, and says of the others why not. read is which
// they are.
func decodeAll(ctx context.Context, c *duet.Classifier, all []prediction) (images []image.Image, read []int,
	err error) {
	for i := range all {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if all[i].Error != "" { // for the network before
			continue
		}
		m, err := decode(c, all[i].Image)
		if err != nil {
			all[i].Error = err.Error()
			continue
		}
		images, read = append(images, m), append(read, i)
	}
	return images, read, nil
}
