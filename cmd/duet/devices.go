package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"duet/engine/backend"
	"duet/engine/metrics"
	"duet/engine/train"
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
			fmt.Fprintln(t, "device\tunits\tmemory\tfree\tbandwidth\tcapability\tpeers\tprecisions\tsensors\tdescription")
			for _, d := range all {
				fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Name, d.Units,
					metrics.FormatBytes(uint64(d.TotalBytes)), metrics.FormatBytes(uint64(d.FreeBytes)), bandwidth(d.Bandwidth),
					dash(d.Capability),
					dash(strings.Join(d.Peers, " ")),
					strings.Join(d.Precisions, " "), sensed(d.Sensors), d.Description)
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

// sensed is what sensors say.
func sensed(s *backend.Sensors) string {
	if s == nil {
		return "-"
	}
	return dash(s.String())
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// addDevices adds the flag --devices. towers says which are used where none are named.
func addDevices(c *cobra.Command, devices *[]string, towers string) {
	c.Flags().StringSliceVar(devices, devicesFlag, nil,
		"one or two devices, such as dnnl:0, or auto for the best there are; "+
			"default: "+towers)
}

const devicesFlag = "devices"

// useDevices puts the devices of the flag, if any, into a configuration.
func useDevices(c *train.Config, devices []string) error {
	if len(devices) > 0 {
		c.Devices.Towers = devices
	}
	if err := c.Devices.Validate(); err != nil {
		return &usageError{err}
	}
	return nil
}

// onWhatThereIs adds, to the error of a command that wants a device which this machine lacks, the command that takes
// the best devices that it has.
func onWhatThereIs(err error, c *cobra.Command, args []string) error {
	if !errors.Is(err, backend.ErrUnknownDevice) && !errors.Is(err, backend.ErrAbsent) ||
		c.Flags().Lookup(devicesFlag) == nil {
		return err
	}
	return fmt.Errorf("%w; on the best devices that there are: %s", err, withAuto(args))
}

// withAuto is a command line, to be copied into a shell, with --devices auto in the place of what it says of devices.
func withAuto(args []string) string {
	var words []string
	for i := 0; i < len(args); i++ {
		switch flag := "--" + devicesFlag; {
		case args[i] == flag:
			i++
		case !strings.HasPrefix(args[i], flag+"="):
			words = append(words, quoted(args[i]))
		}
	}
	return strings.Join(append(words, "--"+devicesFlag, backend.Auto), " ")
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_./=:,+@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
