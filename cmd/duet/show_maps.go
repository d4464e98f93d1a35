package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/look"
	"duet/engine/model"
)

func showMapsCommand() *cobra.Command {
	var out string
	var only []string
	var o modelFlags
	c := &cobra.Command{
		Use:   "maps CHECKPOINT IMAGE",
		Short: "Draw what every layer gives for an image, tower beside tower",
		Long: `Maps draws the activations of the layers for an image, those of the towers beside each other: each map a
tile, black at 0 and white at the largest activation of its layer, blue below 0; features are small squares.`,
		Example: `  duet show maps runs/first cat.jpg
  duet show maps runs/first cat.jpg --layers conv1,conv2 --out maps.svg`,
		Args: args(cobra.ExactArgs(2)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if err := checkOut(out, look.Formats...); err != nil {
			return err
		}
		return o.onImage(given[0], given[1], func(classifier *duet.Classifier, m image.Image) error {
			layers, _, err := classifier.Maps(c.Context(), m, only...)
			if err != nil {
				return err
			}
			return writePicture(out, look.Maps(fmt.Sprintf("%s, %s", filepath.Base(given[1]), classifier.Path), m, layers))
		})
	}
	c.Flags().StringVar(&out, "out", "maps.png", "file to write: .svg or .png")
	c.Flags().StringSliceVar(&only, "layers", nil, "some of the layers; default: all")
	o.add(c, "auto")
	return c
}

// onImage opens a network and an image as the network sees it.
func (o *modelFlags) onImage(checkpoint, path string, use func(*duet.Classifier, image.Image) error) (err error) {
	show := newDisplay()
	defer show.close()
	classifier, err := o.open(checkpoint, 1, show)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, classifier.Close()) }()
	m, err := decode(classifier, path)
	if err != nil {
		return err
	}
	return stopped(use(classifier, m))
}

func showOcclusionCommand() *cobra.Command {
	var out, class string
	var patch, apart int
	var o modelFlags
	c := &cobra.Command{
		Use:   "occlusion CHECKPOINT IMAGE",
		Short: "Draw which part of an image a class is recognised by",
		Long: `Occlusion hides a square patch of the image, in grey, at one place after another, and draws where the
probability of a class falls (red) or rises (blue) then: of each pixel, the mean over the places of the patch that hide
it. The class is the most probable one, or --class. The network sees the centre of the image, as when it is tested. A
name that ends in .csv gets the probability at each place.`,
		Example: `  duet show occlusion runs/first cat.jpg
  duet show occlusion runs/first cat.jpg --class dog --patch 48 --out cat.svg`,
		Args: args(cobra.ExactArgs(2)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if err := checkOut(out, pictureOrTable...); err != nil {
			return err
		}
		return o.onImage(given[0], given[1], func(classifier *duet.Classifier, m image.Image) error {
			side := classifier.Input.Height
			if patch == 0 {
				patch = max(side/5, 1)
			}
			if apart == 0 {
				apart = max(patch/4, 1)
			}
			if patch < 1 || patch > side || apart < 1 || apart > side {
				return usage("--patch %d --stride %d, want 1 to %d, the side of the images", patch, apart, side)
			}
			label := -1
			if class != "" {
				var err error
				if label, err = labelOf(classifier.Checkpoint, class); err != nil {
					return err
				}
			}
			x, err := occlude(c.Context(), classifier, m, label, patch, apart)
			if err != nil {
				return err
			}
			title := fmt.Sprintf("%s as %s", filepath.Base(given[1]), classifier.Input.ClassName(x.label))
			return writeOcclusion(out, x, m, title)
		})
	}
	c.Flags().StringVar(&out, "out", "occlusion.png", "file to write: .svg, .png or .csv")
	c.Flags().StringVar(&class, "class", "", "ID or name of a class; default: the most probable one")
	c.Flags().IntVar(&patch, "patch", 0, "side of the patch in pixels; 0: a fifth of the image's")
	c.Flags().IntVar(&apart, "stride", 0, "pixels from one place to the next; 0: a quarter of the patch")
	o.add(c, "auto")
	return c
}

// labelOf is the label of a class by its ID or name.
func labelOf(c *duet.Checkpoint, class string) (int, error) {
	for label, known := range c.Classes() {
		if class == known.ID || class == known.Name {
			return label, nil
		}
	}
	return 0, usage("--class %q, want one of the %d that the network learned, such as %s", class, len(c.Classes()),
		c.Input.ClassName(0))
}

// An occlusion is of a class.
type occlusion struct {
	look.Occlusion
	label int
}

// occlude hides one place after the other, so many at a time as in training. A label below 0 stands for the most
// probable class.
func occlude(ctx context.Context, c *duet.Classifier, m image.Image, label, patch, apart int) (x occlusion, err error) {
	side := m.Bounds().Dx()
	x.Side, x.Patch = side, patch
	places := look.Places(side, patch, apart)
	images := []image.Image{m}
	var probs [][]float64
	for i, at := range places {
		images = append(images, hide(m, image.Rectangle{Min: at, Max: at.Add(image.Pt(patch, patch))}))
		if len(images) < c.Config.Train.Batch && i < len(places)-1 {
			continue
		}
		seen, err := c.Observe(ctx, images...)
		if err != nil {
			return x, err
		}
		for _, one := range seen {
			probs = append(probs, one.Probs)
		}
		images = nil
	}
	if x.label = label; label < 0 {
		x.label = model.MostProbable(probs[0], 1)[0].Label
	}
	x.Whole = probs[0][x.label]
	for i, at := range places {
		x.Hidden = append(x.Hidden, look.Hidden{X: at.X, Y: at.Y, Probability: probs[i+1][x.label]})
	}
	return x, nil
}

// hide is an image with a grey patch.
func hide(m image.Image, patch image.Rectangle) image.Image {
	to := image.NewRGBA(image.Rect(0, 0, m.Bounds().Dx(), m.Bounds().Dy()))
	draw.Draw(to, to.Bounds(), m, m.Bounds().Min, draw.Src)
	draw.Draw(to, patch, image.NewUniform(color.Gray{Y: 0x80}), image.Point{}, draw.Src)
	return to
}

func writeOcclusion(out string, x occlusion, m image.Image, title string) error {
	if strings.EqualFold(filepath.Ext(out), ".csv") {
		rows := [][]string{{"x", "y", "probability"}}
		for _, h := range x.Hidden {
			rows = append(rows, []string{strconv.Itoa(h.X), strconv.Itoa(h.Y), number(h.Probability)})
		}
		return writeTable(out, rows)
	}
	least := x.Whole
	for _, h := range x.Hidden {
		least = min(least, h.Probability)
	}
	note := fmt.Sprintf("probability %.1f %%; with a patch of %d pixels hidden, as little as %.1f %%", 100*x.Whole,
		x.Patch, 100*least)
	return writePicture(out, x.Picture(title, note, m))
}
