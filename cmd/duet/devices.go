package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"duet/engine/backend"
	"duet/engine/metrics"
)

func devicesCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "devices",
		Short:   "List the devices that this program can run on",
		Example: "  duet devices --json",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			all := []backend.Info{}
			for _, b := range backend.Backends() {
				found, err := b.List()
				if err != nil {
					return fmt.Errorf("%s: %w", b.Name, err)
				}
				all = append(all, found...)
			}
			if asJSON {
				return printJSON(all)
			}
			t := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "device\tunits\tmemory\tfree\tprecisions\tdescription")
			for _, d := range all {
				fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", d.Name, d.Units, metrics.FormatBytes(uint64(d.TotalBytes)),
					metrics.FormatBytes(uint64(d.FreeBytes)), strings.Join(d.Precisions, " "), d.Description)
			}
			return t.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
