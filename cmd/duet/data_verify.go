package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"duet/dataloader/packed"
)

func dataVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify SET...",
		Short: "Read every file of packed sets and compare the checksums",
		Long:  "Verify reads every file and compares its CRC32C with the index. Every damaged file is named; the status is 1 then.",
		Args:  args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			for _, dir := range given {
				progress := newCounter(os.Stderr, "verifying "+dir, "MiB")
				err := packed.Verify(c.Context(), dir, progress.megabytes)
				progress.close()
				if damaged, is := errors.AsType[packed.Damaged](err); is {
					for _, line := range damaged {
						fmt.Println(line)
					}
					return fmt.Errorf("%s: %d files are damaged; the first: %s", dir, len(damaged), damaged[0])
				}
				if err != nil {
					return err
				}
				x, err := packed.ReadIndex(dir)
				if err != nil {
					return err
				}
				fmt.Printf("%s: whole, %d files\n", dir, len(x.Checksums)+1)
			}
			return nil
		},
	}
}
