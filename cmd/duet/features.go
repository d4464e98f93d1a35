package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"duet"
)

func featuresCommand() *cobra.Command {
	var out, layer string
	o := testFlags{any: true}
	c := &cobra.Command{
		Use:   "features CHECKPOINT SOURCE",
		Short: "Write what a layer gives for every image, for numpy",
		Long: `Features writes the activations of a layer for every image of a packed set or a source, whatever its
classes, into a folder: features.npy, float32 [images, activations], maps by maps, row by row; labels.npy, int32
[images], of the data's own classes; files.txt, the images' names in their source, and classes.txt, a line each. Of a
source with a validation split these are its images, or with --split train the others. Interrupted, even killed, the
same command goes on; OUT is there whole or not at all.`,
		Example: `  duet features runs/first data/photos --layer fc7 --out features
  python3 -c 'import numpy; print(numpy.load("features/features.npy", mmap_mode="r").shape)'`,
		Args: args(cobra.ExactArgs(2)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if out == "" {
			return usage("no --out, want the name of a folder")
		}
		if given[1] == "" {
			return usage("an empty SOURCE, want a path")
		}
		o.data = given[1]
		return o.test(c, given[0], func(classifier *duet.Classifier, set *duet.TestSet) error {
			layer, err := layerOr(layer, classifier)
			if err != nil {
				return err
			}
			if err := set.WriteFeatures(c.Context(), layer, out); err != nil {
				return err
			}
			_, err = fmt.Fprintf(results, "%s: %s of %s\n", out, layer, counted(set.Len(), "image"))
			return err
		})
	}
	c.Flags().StringVar(&out, "out", "", "folder to write, which must not exist")
	c.Flags().StringVar(&layer, "layer", "", "whose activations; default: the layer before the last, such as fc7")
	o.addSplit(c)
	return c
}
