package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/look"
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
	c.RunE = func(c *cobra.Command, given []string) (err error) {
		if err := checkOut(out, look.Formats...); err != nil {
			return err
		}
		trained, err := duet.ReadCheckpoint(given[0])
		if err != nil {
			return err
		}
		layers, err := trained.Layers()
		if err != nil {
			return err
		}
		drawn := make([]look.LayerMaps, 0, len(layers))
		for _, l := range layers {
			if len(only) == 0 || slices.Contains(only, l.Layer) {
				drawn, o.keep = append(drawn, look.LayerMaps{Activation: l}), append(o.keep, l.Layer)
			}
		}
		if len(only) > 0 {
			o.keep = only // in whose order they come; the network says which it does not have
		}
		return o.onImage(c.Context(), given[0], given[1], func(m image.Image, see see) error {
			seen, err := see(m)
			if err != nil {
				return err
			}
			for i := range drawn {
				drawn[i].Values = seen[0].Activations[slices.Index(o.keep, drawn[i].Layer)]
			}
			return writePicture(out, look.Maps(fmt.Sprintf("%s, %s", filepath.Base(given[1]), trained.Path), m, drawn))
		})
	}
	c.Flags().StringVar(&out, "out", "maps.png", "file to write: .svg or .png")
	c.Flags().StringSliceVar(&only, "layers", nil, "some of the layers; default: all")
	o.add(c, "auto")
	return c
}

// see lets a network see images.
type see func(images ...image.Image) ([]duet.Tested, error)

// onImage opens a network and an image as the network sees it.
func (o *modelFlags) onImage(ctx context.Context, checkpoint, path string,
	use func(image.Image, see) error) (err error) {
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
	return use(m, func(images ...image.Image) ([]duet.Tested, error) {
		seen, err := classifier.Observe(ctx, images...)
		if err != nil {
			return nil, stopped(err)
		}
		return seen, nil
	})
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
		trained, err := duet.ReadCheckpoint(given[0])
		if err != nil {
			return err
		}
		side := trained.Input.Height
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
			if label, err = labelOf(trained, class); err != nil {
				return err
			}
		}
		return o.onImage(c.Context(), given[0], given[1], func(m image.Image, see see) error {
			x, err := occlude(m, label, patch, apart, trained.Config.Train.Batch, see)
			if err != nil {
				return err
			}
			return writeOcclusion(out, x, m, fmt.Sprintf("%s as %s", filepath.Base(given[1]), trained.Input.ClassName(x.label)))
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

// occlude hides one place after the other, so many at a time.
func occlude(m image.Image, label, patch, apart, batch int, see see) (x occlusion, err error) {
	side := m.Bounds().Dx()
	whole, err := see(m)
	if err != nil {
		return x, err
	}
	if label < 0 {
		label = mostProbable(whole[0].Probs, 1)[0].label
	}
	x = occlusion{look.Occlusion{Side: side, Patch: patch, Whole: whole[0].Probs[label]}, label}
	for places := range slices.Chunk(look.Places(side, patch, apart), batch) {
		var hidden []image.Image
		for _, at := range places {
			hidden = append(hidden, hide(m, image.Rectangle{Min: at, Max: at.Add(image.Pt(patch, patch))}))
		}
		seen, err := see(hidden...)
		if err != nil {
			return x, err
		}
		for i, at := range places {
			x.Hidden = append(x.Hidden, look.Hidden{X: at.X, Y: at.Y, Probability: seen[i].Probs[label]})
		}
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
