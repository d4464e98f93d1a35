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
				if err != nil { // a GPU backend on a machine without a GPU is no failure of the others
					fmt.Fprintf(os.Stderr, "duet: no device of %s: %v\n", b.Name, err)
				}
				all = append(all, found...)
			}
			for _, name := range backend.Missing() {
				tell("no device of %s: it is not in this build", name)
			}
			if asJSON {
				return printJSON(all)
			}
			t := tabwriter.NewWriter(results, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "device\tunits\tmemory\tfree\tbandwidth\tcapability\tpeers\tprecisions\tdescription")
			for _, d := range all {
				fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Name, d.Units, metrics.FormatBytes(uint64(d.TotalBytes)),
					metrics.FormatBytes(uint64(d.FreeBytes)), bandwidth(d.Bandwidth), dash(d.Capability), dash(strings.Join(d.Peers, " ")),
					strings.Join(d.Precisions, " "), d.Description)
			}
			return t.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// bandwidth is such as "3350 GB/s".
func bandwidth(bytes float64) string {
	if bytes == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f GB/s", bytes/1e9)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
