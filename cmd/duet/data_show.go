package main

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"

	"github.com/spf13/cobra"

	"duet/dataloader"
	"duet/engine/model"
)

func dataShowCommand() *cobra.Command {
	var out, split string
	var count, views int
	var step uint64
	c := &cobra.Command{
		Use:   "show CONFIG",
		Short: "A contact sheet of images as the network sees them",
		Long: `Show writes a PNG of images as they go into the first layer: cropped, scaled, turned, mirrored and shifted in
colour as a training with this configuration does it at that step, or as an evaluation does it with --split val. The
mean is added back, and the scale taken out, so that they can be looked at; what lies outside the image is the mean
colour.`,
		Example: `  duet data show configs/alexnet.toml
  duet data show configs/cifar10.toml --step 1000 --images 64 --out step-1000.png
  duet data show configs/alexnet.toml --split val --views 10`,
		Args: args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) (err error) {
		switch {
		case count < 1 || count > 10000:
			return usage("--images %d, want 1 to 10000", count)
		case views != 1 && views != 10:
			return usage("--views %d, want 1 or 10", views)
		case split != "val" && split != "train":
			return usage("--split %q, want val or train", split)
		case split == "train" && views != 1:
			return usage("--views %d with --split train: a training sees every image once an epoch; want --split val", views)
		}
		count = max(count/views, 1) * views // all views of each image
		config, err := load(given[0], *sets)
		if err != nil {
			return err
		}
		data, err := openData(c.Context(), config.Data, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, data.Close()) }()
		set := data.Train
		if split == "val" {
			if set = data.Val; set == nil {
				return fmt.Errorf("%s has no validation split; want --split train, or data that has one", config.Data.Path)
			}
		}
		in := model.InputOf(data.Train, config.Data)
		var loader *dataloader.Loader
		if split == "val" {
			loader = dataloader.NewEvalLoader(set, config.Data, min(config.Train.Batch, count/views), views, 0, nil)
		} else {
			loader = dataloader.NewTrainLoader(set, config.Data, config.Train.Batch, config.Train.Seed,
				step*uint64(config.Train.Batch), nil)
		}
		progress := newCounter(os.Stderr, "augmenting", "images").patient()
		shown, err := model.Show(c.Context(), config.Data, in, loader, count, progress.show)
		progress.close()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var cells []cell
		for _, s := range shown {
			cells = append(cells, cell{imageOf(s.Colours, config.Data.Crop),
				fmt.Sprintf("%d %s", s.Index, className(set.Classes()[s.Label]))})
		}
		if err := writePNG(out, contactSheet(cells)); err != nil {
			return err
		}
		fmt.Fprintf(results, "%s: %d images\n", out, len(cells))
		return nil
	}
	c.Flags().StringVar(&out, "out", "images.png", "file to write")
	c.Flags().IntVar(&count, "images", 32, "how many; with --views 10 all ten of each")
	c.Flags().Uint64Var(&step, "step", 0, "step of the training whose batch is shown")
	c.Flags().StringVar(&split, "split", "train", "train, or val for what an evaluation sees")
	c.Flags().IntVar(&views, "views", 1, "with --split val: views an image, 1 or 10")
	return c
}

// imageOf makes an image of colours [3,side,side], 0 to 255.
func imageOf(colours []float32, side int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		for k := range 3 {
			m.Pix[4*i+k] = uint8(min(max(colours[k*side*side+i]+0.5, 0), 255))
		}
		m.Pix[4*i+3] = 255
	}
	return m
}
