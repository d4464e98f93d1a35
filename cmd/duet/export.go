package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/tensorboard"
)

func exportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "export WHAT",
		Short: "Write a run or a trained network in another program's format",
		Args:  args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(exportONNXCommand(), exportPyTorchCommand(), exportSafetensorsCommand(), exportTensorBoardCommand())
	return c
}

func exportTensorBoardCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "tensorboard RUN OUT",
		Short: "Write a run's records for TensorBoard",
		Long: `Tensorboard writes what the folder of a run has recorded, which may still be training, into the new folder
OUT as TensorBoard reads it: the numbers of every step and validation, the configuration, and of the checkpoints the
filters of the first convolution and histograms of weights and velocities. "duet train --tensorboard" writes the same
while it trains, and histograms of gradients.`,
		Example: `  duet export tensorboard runs/first board/first
  tensorboard --logdir board`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, given []string) error {
			run, err := duet.ReadRun(given[0])
			if err != nil {
				return err
			}
			records := tensorboard.Run{Dir: run.Dir, Config: run.Config, Note: newDisplay().hooks().Note}
			if err := records.Export(c.Context(), given[1]); errors.Is(err, fs.ErrExist) {
				return &usageError{err}
			} else if err != nil {
				return err
			}
			_, err = fmt.Fprintln(results, given[1])
			return err
		},
	}
}
