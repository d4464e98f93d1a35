package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"duet/dataloader"
)

func prepareCommand() *cobra.Command {
	var o dataloader.PrepareOptions
	c := &cobra.Command{
		Use:   "prepare SOURCE OUT",
		Short: "Decode images once into a packed set",
		Long: `Prepare decodes a source of labelled images into a packed set, a folder of .npy files that training maps into memory.
SOURCE is a folder of class folders of JPEG or PNG files, with or without train/ and val/ above them, the same in a .tar
or .tar.gz, CIFAR-10's binary files, IDX files (MNIST), or "generated". Files that cannot be read are listed in
OUT/rejected.csv.`,
		Example: `  duet prepare photos data/photos --val-fraction 0.1
  duet prepare cifar10-images.tar.gz data/cifar10
  duet prepare generated data/generated`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, given []string) error {
			progress := newCounter(os.Stderr, "preparing "+given[0])
			o.Progress = func(done, total, _ int) { progress.show(done, total) }
			s, err := dataloader.Prepare(c.Context(), given[0], given[1], o)
			progress.close()
			if err != nil {
				return err
			}
			fmt.Printf("%s: %s, %d training and %d validation images of %d x %d in %d classes\n", given[1], s.Kind, s.Train, s.Val,
				s.Size, s.Size, len(s.Classes))
			if n := len(s.Rejected); n > 0 {
				fmt.Printf("%d files were rejected, see %s/rejected.csv; the first: %s: %s\n", n, given[1], s.Rejected[0].File, s.Rejected[0].Cause)
			}
			return nil
		},
	}
	c.Flags().IntVar(&o.Size, "size", 0, "side of the stored images; 0: as they are if square and alike, else 256")
	c.Flags().Float64Var(&o.ValFraction, "val-fraction", 0, "part of every class that becomes the validation split where the source has none")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "of the choice of that part")
	c.Flags().IntVar(&o.Workers, "workers", 0, "threads that decode; 0: one a core")
	return c
}
