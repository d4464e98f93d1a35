package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"duet/dataloader"
)

func dataBenchCommand() *cobra.Command {
	var batch, rounds int
	var asJSON bool
	c := &cobra.Command{
		Use:   "bench CONFIG",
		Short: "How fast batches come, beside plain copies of as many bytes",
		Long: `Bench takes batches of the configured data as fast as they come, with nothing trained in between, in turn
with plain copies of as many bytes on all cores, which are the limit. See also duet bench --data, which trains.`,
		Example: `  duet data bench configs/alexnet.toml --set data.path=data/imagenet
  duet data bench configs/alexnet.toml --set data.cache=ram --json`,
		Args: args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) (err error) {
		if rounds < 1 {
			return usage("--rounds %d, want at least 1", rounds)
		}
		if batch < 0 {
			return usage("--batch %d, want at least 1", batch)
		}
		config, err := load(given[0], *sets)
		if err != nil {
			return err
		}
		if batch == 0 {
			batch = config.Train.Batch
		}
		data, err := openData(c.Context(), config.Data, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, data.Close()) }()
		if n := data.Train.Len(); batch > n {
			return fmt.Errorf("%s has %d training images, less than a batch of %d: want --batch of at most %d", data.Train.Dir(),
				n, batch, n)
		}
		progress := newCounter(os.Stderr, "measuring", "rounds")
		s, err := dataloader.MeasureFeed(c.Context(), data.Train, config.Data, batch, rounds, progress.show)
		progress.close()
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(s)
		}
		fmt.Fprintf(results, "the first epoch, which reads from disk what is not in memory yet: %.0f images/s\n",
			s.FirstPerSecond)
		fmt.Fprintf(results,
			"%.0f images/s of %d x %d, %.2f GB/s: %.0f %% of plain copies, %.2f GB/s (batch %d, medians of %d rounds)\n",
			s.ImagesPerSecond, data.Train.Width(), data.Train.Height(), s.BytesPerSecond/1e9, 100*s.Share, s.CopyPerSecond/1e9,
			s.Batch, s.Rounds)
		return nil
	}
	c.Flags().IntVar(&batch, "batch", 0, "images in a batch; default: as in training")
	c.Flags().IntVar(&rounds, "rounds", 5, "how often the two take turns")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
