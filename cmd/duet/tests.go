package main

import (
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/spf13/cobra"

	"duet"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/engine/look"
	"duet/engine/model"
)

// testFlags say with which network, and on which images with labels, a command works.
type testFlags struct {
	modelFlags
	data, split string
	known       bool
	views       int
	any         bool // images of classes that the network has not learned are wanted too
}

func (o *testFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.data, "data", "",
		"packed set or source, all of it where it has no validation split; default: what it was trained on")
	o.addSplit(c)
	c.Flags().BoolVar(&o.known, "known-classes", false, "leave out images of classes that the network has not learned")
}

func (o *testFlags) addSplit(c *cobra.Command) {
	c.Flags().StringVar(&o.split, "split", packed.Val, "val or train")
	c.Flags().IntVar(&o.views, "views", 1, "views an image: 1 (centre) or 10 (corners, centre and mirrors)")
	o.modelFlags.add(c, "auto")
}

// test opens a network and the images it is tested on, gives them to use, and closes them.
func (o *testFlags) test(c *cobra.Command, checkpoint string,
	use func(*duet.Classifier, *duet.TestSet) error) (err error) {
	if o.split != packed.Val && o.split != packed.Train {
		return usage("--split %q, want val or train", o.split)
	}
	split := o.split
	if !c.Flags().Changed("split") {
		split = "" // or all of data without a validation split
	}
	show := newDisplay()
	defer show.close()
	classifier, err := o.open(checkpoint, o.views, show)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, classifier.Close()) }()
	set, err := classifier.OpenTestSet(c.Context(), o.data, duet.EvaluateOptions{Split: split, Known: o.known, Any: o.any})
	if err != nil {
		return stopped(err)
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	if err := use(classifier, set); err != nil {
		return stopped(err)
	}
	return nil
}

// evenly are n numbers below of, as far from each other as they can be; all of them where there are no more.
func evenly(n, of int) (all []int) {
	n = min(n, of)
	for i := range n {
		all = append(all, i*of/n)
	}
	return all
}

// imageOfSet reads an image of a set.
func imageOfSet(r *packed.Reader, set *packed.Set, i int) (*picture.RGB, error) {
	m := &picture.RGB{Pix: make([]byte, set.Height()*set.Width()*3), Width: set.Width(), Height: set.Height()}
	return m, r.Read(i, m.Pix)
}

// imagesOfSet reads images of a set.
func imagesOfSet(set *packed.Set, numbers []int) (all []image.Image, err error) {
	r, err := set.NewReader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for _, i := range numbers {
		m, err := imageOfSet(r, set, i)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// sighting is how an image is drawn with what the network said of it.
func sighting(c *duet.Classifier, v model.Verdict, m image.Image, title, note string) look.Sighting {
	s := look.Sighting{Image: m, Title: title, Note: note}
	for _, g := range v.Guesses {
		s.Bars = append(s.Bars, look.Bar{Name: c.Input.ClassName(g.Label), Probability: g.Probability,
			True: g.Label == v.Label})
	}
	return s
}

// sightings are those of images of a set.
func sightings(c *duet.Classifier, set *duet.TestSet, all []model.Verdict) (drawn []look.Sighting, err error) {
	files, err := set.Files()
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, v := range all {
		numbers = append(numbers, v.Index)
	}
	images, err := imagesOfSet(set.Set, numbers)
	if err != nil {
		return nil, err
	}
	for i, v := range all {
		note := files[v.Index]
		if v.Label >= 0 {
			note = fmt.Sprintf("loss %.3g  %s", v.Loss, note)
		}
		drawn = append(drawn, sighting(c, v, images[i], className(set.Classes()[set.Labels()[v.Index]]), note))
	}
	return drawn, nil
}

// observed are images of a set as the network sees them.
func observed(ctx context.Context, c *duet.Classifier, set *duet.TestSet, numbers []int) (all []model.Verdict,
	err error) {
	images, err := imagesOfSet(set.Set, numbers)
	if err != nil {
		return nil, err
	}
	seen, err := c.Observe(ctx, images...)
	if err != nil {
		return nil, err
	}
	labels := c.Input.Match(set.Classes())
	for i, t := range seen {
		t.Index, t.Label = numbers[i], int(labels[set.Labels()[numbers[i]]])
		all = append(all, t.Verdict(guesses))
	}
	return all, nil
}
