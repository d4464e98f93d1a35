package duet

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"io"
	"slices"

	"duet/dataloader/picture"
	"duet/engine/look"
	"duet/engine/model"
)

// A Prediction is what an image may show: every class that the network tells apart, the most probable first.
type Prediction []Guess

// A Guess is a class with its probability.
type Guess struct {
	Class
	Label       int    // the class's number
	Title       string // the class for people: its name, or its ID where it has none or shares it
	Probability float64
}

// Decode reads an encoded image (JPEG, PNG, WebP, BMP, GIF) as those that the network learned from were read: brought
// to their size, and turned as the camera says if they were. Predict takes the result as it is.
func (c *Classifier) Decode(encoded io.Reader) (image.Image, error) {
	d, err := picture.New(picture.Options{Size: c.Input.Height, Reading: c.Input.Reading})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	data, err := io.ReadAll(io.LimitReader(encoded, picture.MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	m := c.square()
	if _, err := d.Decode(m.Pix, data); err != nil {
		return nil, err
	}
	return m, nil
}

// square is an image of the size that the network learned from.
func (c *Classifier) square() *picture.RGB {
	side := c.Input.Height
	return &picture.RGB{Pix: make([]byte, side*side*3), Width: side, Height: side}
}

// Predict tells what images show, in their order. They are brought to the size of those that the network learned
// from, as these were: the shorter side is resampled, and the centre is kept. An image that was decoded otherwise
// than by Decode lies as its pixels do.
func (c *Classifier) Predict(ctx context.Context, images ...image.Image) ([]Prediction, error) {
	seen, err := c.Observe(ctx, images...)
	if err != nil {
		return nil, err
	}
	all := make([]Prediction, len(images))
	for i := range all {
		all[i] = c.Rank(seen[i].Probs)
	}
	return all, nil
}

// Observe gives the probabilities of the classes for images, which are brought to size as by Predict, and the
// activations of the layers of Keep.
func (c *Classifier) Observe(ctx context.Context, images ...image.Image) ([]Tested, error) {
	if len(images) == 0 {
		return nil, ctx.Err()
	}
	pixels, err := c.fit(images)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.on(ctx, len(images))
	if err != nil {
		return nil, err
	}
	return m.Predict(ctx, pixels, c.options.Views)
}

// Maps gives what layers, or all where none are named, give for an image, and what Observe says of it.
func (c *Classifier) Maps(ctx context.Context, m image.Image, only ...string) ([]look.LayerMaps, Tested, error) {
	layers, err := c.Layers()
	if err != nil {
		return nil, Tested{}, err
	}
	if len(only) == 0 {
		for _, l := range layers {
			only = append(only, l.Layer)
		}
	}
	if err := c.Keep(only...); err != nil {
		return nil, Tested{}, err
	}
	seen, err := c.Observe(ctx, m)
	if err != nil {
		return nil, Tested{}, err
	}
	var all []look.LayerMaps
	for i, name := range only {
		at, err := model.FindLayer(layers, name)
		if err != nil {
			return nil, Tested{}, err
		}
		all = append(all, look.LayerMaps{Activation: layers[at], Values: seen[0].Activations[i]})
	}
	return all, seen[0], nil
}

// Layers describes what the layers give for an image, first to last.
func (c *Checkpoint) Layers() ([]model.Activation, error) {
	return c.Config.Setup().Activations(c.Input)
}

// fit brings images to the size that the network learned from: [Height,Width,3].
func (c *Classifier) fit(images []image.Image) ([][]byte, error) {
	d, err := picture.New(picture.Options{Size: c.Input.Height})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	all := make([][]byte, len(images))
	for i, m := range images {
		fits := c.square()
		if own, is := m.(*picture.RGB); is && own.Width == fits.Width && own.Height == fits.Height {
			all[i] = own.Pix
			continue
		}
		if err := d.Fit(fits.Pix, m); err != nil {
			return nil, fmt.Errorf("image %d: %w", i, err)
		}
		all[i] = fits.Pix
	}
	return all, nil
}

// Rank sorts the classes by their probabilities.
func (c *Checkpoint) Rank(probs []float64) Prediction {
	var all Prediction
	for label, class := range c.Classes() {
		all = append(all, Guess{Class: class, Label: label, Title: c.Input.ClassName(label), Probability: probs[label]})
	}
	slices.SortStableFunc(all, func(a, b Guess) int { return cmp.Compare(b.Probability, a.Probability) })
	return all
}
