package duet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/engine/model"
	"duet/engine/train"
	"duet/internal/invalid"
)

// EvaluateOptions say on which images a network is tested. The zero value stands for the training's own validation
// images.
type EvaluateOptions struct {
	Split string // packed.Val ("val") or packed.Train ("train"); "": val, or all of other data that has no such split
	Known bool   // leave out images of classes that the network has not learned, rather than refuse them
	Any   bool   // take all images, whatever their classes; those that the network has not learned do not count
}

// Evaluation is what a test came to.
type Evaluation struct {
	model.Result
	Data  string // where the images are
	Whole int    // images of the data, where all were tested as it has no validation split; else 0
}

// Evaluate tests the network on images with labels, as OpenTestSet finds them.
func (c *Classifier) Evaluate(ctx context.Context, data string, o EvaluateOptions) (e Evaluation, err error) {
	t, err := c.OpenTestSet(ctx, data, o)
	if err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	e.Data, e.Whole = t.Data, t.Whole
	e.Result, err = t.Test(ctx, 0, nil)
	return e, err
}

// A TestSet is images with labels on which a network is tested.
type TestSet struct {
	*packed.Set
	Data  string // where the images are
	Split string
	Whole int // images of the data, where all are tested as it has no validation split; else 0

	c    *Classifier
	sets *train.Data
}

// OpenTestSet opens images with labels: a packed set or a source, which is packed first, into images like those that
// the network learned from; "" is the data that it was trained on. Its classes are matched with the network's by their
// names, whatever their order; it need not have images of all of them. Close it afterwards.
func (c *Classifier) OpenTestSet(ctx context.Context, data string, o EvaluateOptions) (t *TestSet, err error) {
	if o.Split != "" && o.Split != packed.Val && o.Split != packed.Train {
		return nil, invalid.Key("split", "%q, want %s or %s", o.Split, packed.Val, packed.Train)
	}
	from := c.Config.Data
	if data != "" {
		from = from.Whole(data, c.Input.Height, c.Input.Reading)
	}
	sets, err := c.options.openData(ctx, from, func(outline prepare.Outline) error {
		if o.Any {
			return nil
		}
		return knownClasses(c.Input, outline.Classes, o.Known)
	})
	if err != nil {
		return nil, err
	}
	t = &TestSet{Data: from.Path, c: c, sets: sets}
	defer func() {
		if err != nil {
			err = errors.Join(err, sets.Close())
		}
	}()
	if is := sets.Train.Identity(); data == "" && is != c.Input.Identity {
		return nil, fmt.Errorf("%s holds other data (%s) than the network learned from (%s), perhaps with other images for "+
			"validation: want --data %s to test on it all the same", t.Data, is, c.Input.Identity, t.Data)
	}
	if err := t.choose(cmp.Or(o.Split, packed.Val), data != "" && o.Split == ""); err != nil {
		return nil, err
	}
	if err := c.suits(t.Set, o); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Data, err)
	}
	if is := t.Index.EXIF; is != c.Input.EXIF {
		c.options.note(fmt.Sprintf("the images of %s were prepared %s --exif, those that the network learned from %s", t.Data,
			with(is), with(c.Input.EXIF)))
	}
	if !o.Any {
		c.noteClasses(t.Set, t.Split, t.Data)
	}
	return t, nil
}

// choose takes the set of a split, or all of data that has no validation split, where that is meant.
func (t *TestSet) choose(split string, orWhole bool) error {
	switch {
	case split == packed.Train:
		t.Set, t.Split = t.sets.Train, packed.Train
	case t.sets.Val != nil:
		t.Set, t.Split = t.sets.Val, packed.Val
	case orWhole:
		t.Set, t.Split, t.Whole = t.sets.Train, packed.Train, t.sets.Train.Len()
	default:
		return fmt.Errorf("%s has no validation split; want --split train, or data that has one", t.Data)
	}
	return nil
}

// Close closes the data.
func (t *TestSet) Close() error { return t.sets.Close() }

// Tested is an image of a test: its number in the set and its label, the probabilities of the classes, and the
// activations of the layers of Keep.
type Tested = model.Tested

// Test tests the network on the images from one on, in order, and tells each, unless nil, of every one of them, to be
// used at once. An error of each ends it.
func (t *TestSet) Test(ctx context.Context, from int, each func(Tested) error) (model.Result, error) {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.on(ctx, c.Config.Train.Batch)
	if err != nil {
		return model.Result{}, err
	}
	defer c.options.ended()
	return m.Evaluate(ctx, t.Set, model.Test{Views: c.options.Views, From: from, Each: each, Progress: func(done, n int) {
		if c.options.Progress != nil {
			c.options.Progress(Progress{What: "evaluating", Unit: "images", Done: done, Total: n})
		}
	}})
}

// suits checks that the network can be tested on a set.
func (c *Classifier) suits(set *packed.Set, o EvaluateOptions) error {
	if in := c.Input; set.Height() != in.Height || set.Width() != in.Width {
		return fmt.Errorf("has images of %d x %d, but the network learned from %d x %d: want them prepared with --size %d",
			set.Width(), set.Height(), in.Width, in.Height, in.Height)
	}
	if o.Any {
		return nil
	}
	return knownClasses(c.Input, set.Classes(), o.Known)
}

func with(yes bool) string {
	if yes {
		return "with"
	}
	return "without"
}

// knownClasses checks that a network has learned the classes of data: all of them or, with others left out, some.
func knownClasses(in model.Input, classes []Class, leaveOut bool) error {
	var unknown []string
	for i, label := range in.Match(classes) {
		if label < 0 {
			unknown = append(unknown, shown(classes[i]))
		}
	}
	switch {
	case len(unknown) == len(classes):
		return fmt.Errorf("has none of the classes that the network learned: %s; it learned %s", some(unknown),
			some(in.Classes))
	case len(unknown) > 0 && !leaveOut:
		return fmt.Errorf("has %s that the network has not learned: %s; want --known-classes to test without their images, "+
			"or data without them", plural(len(unknown), "class", "classes"), some(unknown))
	}
	return nil
}

// noteClasses says which classes do not count: those of a set that the network has not learned, and the other way
// round.
func (c *Classifier) noteClasses(set *packed.Set, split, path string) {
	in := c.Input
	counts, images := set.Index.Splits[split].PerClass, make([]int, len(in.Classes))
	var unknown, without []string
	left := 0
	for i, label := range in.Match(set.Classes()) {
		if label < 0 {
			unknown = append(unknown, shown(set.Classes()[i]))
			left += counts[i]
			continue
		}
		images[label] = counts[i]
	}
	for label, n := range images {
		if n == 0 {
			without = append(without, in.ClassName(label))
		}
	}
	if left > 0 {
		c.options.note(fmt.Sprintf("%s of %s that the network has not learned are left out: %s",
			plural(left, "image", "images"), plural(len(unknown), "class", "classes"), some(unknown)))
	}
	if len(without) > 0 {
		c.options.note(fmt.Sprintf("%s has no image of %s that the network learned: %s", path,
			plural(len(without), "class", "classes"), some(without)))
	}
}

// shown is a class for people.
func shown(c Class) string { return cmp.Or(c.Name, c.ID) }

// plural is "1 class", "2 classes".
func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// some are the first of many names, quoted.
func some(names []string) string {
	const most = 5
	var b strings.Builder
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", name)
	}
	if more := len(names) - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
