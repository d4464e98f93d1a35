package main

import (
	"bytes"
	"cmp"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"duet/cmd/duet/board"
)

func boardCommand() *cobra.Command {
	var dir, address, save string
	var devices []string
	c := &cobra.Command{
		Use:   "board [RUNS]",
		Short: "Look at runs in a browser, as they train",
		Long: `Board serves a page of the runs in a folder, for this machine alone unless --address says otherwise: which
there are and what differs between them, their curves as they grow, how long they still take, the filters of the newest
checkpoint, devices and logs. An image that is dropped onto the page is classified by the newest checkpoint of the run
that is shown. Prometheus finds the numbers at /metrics. Nothing is loaded from the network.

With --save it writes the page, as of now, into one HTML file that needs nothing else, and ends.`,
		Example: `  duet board
  duet board /data/runs --address 127.0.0.1:8080
  duet board --save board.html`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			if len(given) > 0 {
				if c.Flags().Changed("runs") {
					return usage("RUNS and --runs, want one of them")
				}
				dir = given[0]
			}
			b, err := board.New(dir, board.Options{Devices: devices, Note: func(line string) { tell("note: %s", line) }})
			if err != nil {
				return err
			}
			if save != "" {
				var page bytes.Buffer
				if err := b.Save(&page); err != nil {
					return err
				}
				return writeWhole(save, page.Bytes())
			}
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return usage("--address %q, want HOST:PORT, such as 127.0.0.1:6012", address)
			}
			at, err := net.Listen("tcp", address)
			if err != nil {
				return fmt.Errorf("%w; want --address with another port, such as %s for any", err,
					net.JoinHostPort(cmp.Or(host, "127.0.0.1"), "0"))
			}
			if _, err := fmt.Fprintf(results, "http://%s/\n", at.Addr()); err != nil {
				return err
			}
			return b.Serve(c.Context(), at, host)
		},
	}
	c.Flags().StringVar(&dir, "runs", "runs", "folder of the runs")
	c.Flags().StringVar(&address, "address", "127.0.0.1:6012", "where to serve the page")
	c.Flags().StringVar(&save, "save", "", "write the page to an HTML file instead")
	addDevices(c, &devices, "auto")
	return c
}
