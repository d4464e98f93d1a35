package main

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/checkpoint"
)

func averageCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "average CHECKPOINT...",
		Short: "Average the weights of checkpoints of one network",
		Long: `Average writes a checkpoint whose weights are the means of those of others: of the last ones of a run, which
is stochastic weight averaging (Izmailov et al. 2018), or of runs that began with the same weights. They must be of one
network, with the same classes and the same mean of the data. The rest is that of the first; velocities are zero.`,
		Example: `  duet average runs/first/checkpoints/step-*.safetensors --out mean.safetensors
  duet eval mean.safetensors`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			if err := newCheckpoint(out); err != nil {
				return err
			}
			mean, err := duet.Average(given)
			if err != nil {
				return err
			}
			if err := checkpoint.Save(out, mean.File); err != nil {
				return err
			}
			_, err = fmt.Fprintf(results, "%s: the mean of %s\n", out, counted(len(given), "checkpoint"))
			return err
		},
	}
	c.Flags().StringVar(&out, "out", "", "checkpoint to write, which must not exist")
	return c
}

// newCheckpoint checks the --out of a command that writes a checkpoint.
func newCheckpoint(out string) error {
	if out == "" {
		return usage("no --out, want the name of a checkpoint to write")
	}
	if _, err := os.Lstat(out); err == nil {
		return usage("--out %s: %w, want the name of a new file", out, fs.ErrExist)
	}
	return nil
}
