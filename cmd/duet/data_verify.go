package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"duet/dataloader/packed"
)

func dataVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify SET...",
		Short: "Read every file of packed sets and compare the checksums",
		Long: "Verify reads every file and compares its CRC32C with the index. Every damaged file is named; the status is " +
			"1 then.",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			var bad []string
			for _, dir := range given {
				progress := newCounter(os.Stderr, "verifying "+dir, "MiB")
				err := packed.Verify(c.Context(), dir, progress.megabytes)
				progress.close()
				if c.Context().Err() != nil {
					return err
				}
				damaged, is := errors.AsType[packed.Damaged](err)
				switch {
				case is:
					fmt.Fprintf(results, "%s: damaged\n%s\n", dir, strings.Join(damaged, "\n"))
				case err != nil:
					fmt.Fprintln(results, err)
				default:
					fmt.Fprintf(results, "%s: whole\n", dir)
					continue
				}
				bad = append(bad, dir)
			}
			if len(bad) > 0 {
				return fmt.Errorf("%s not whole: %s", counted(len(bad), "set"), strings.Join(bad, ", "))
			}
			return nil
		},
	}
}
