package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/metrics"
	"duet/internal/invalid"
)

// A runRow is a run as JSON has it.
type runRow struct {
	Name            string            `json:"name"`
	State           duet.RunState     `json:"state"`
	Step            uint64            `json:"step"`
	Epoch           float64           `json:"epoch"`
	Loss            metrics.Number    `json:"loss"`
	BestError       metrics.Number    `json:"best_error"`
	BestStep        uint64            `json:"best_step"`
	LastError       metrics.Number    `json:"last_error"`
	ImagesPerSecond metrics.Number    `json:"images_per_second"`
	Began           time.Time         `json:"began"`
	Latest          time.Time         `json:"latest"`
	Differs         map[string]string `json:"differs"` // the values of keys that differ between the runs
}

func runsCommand() *cobra.Command {
	var dir string
	var asJSON, asCSV bool
	c := &cobra.Command{
		Use:   "runs",
		Short: "List runs, with what differs between them",
		Long: `Runs lists the runs in a folder: whether they train, are done or stopped, how far they have come, their least
and last validation error, their speed (the median of the last hundred recorded steps), and of their configurations the
keys that differ between them.`,
		Example: `  duet runs
  duet runs --runs /data/runs --csv > runs.csv`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if asJSON && asCSV {
				return usage("--json and --csv, want one of them")
			}
			runs, err := duet.Runs(dir, func(line string) { tell("note: %s", line) })
			if err != nil {
				return err
			}
			rows, keys := rowsOf(runs)
			switch {
			case asJSON:
				return printJSON(rows)
			case asCSV:
				return csv.NewWriter(results).WriteAll(tableOf(rows, keys, true))
			}
			t := tabwriter.NewWriter(results, 0, 8, 2, ' ', 0)
			for _, row := range tableOf(rows, keys, false) {
				fmt.Fprintln(t, strings.Join(row, "\t"))
			}
			return t.Flush()
		},
	}
	c.Flags().StringVar(&dir, "runs", "runs", "folder of the runs")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&asCSV, "csv", false, "print CSV")
	return c
}

// rowsOf are the rows of runs, and the keys that differ between them, in order.
func rowsOf(runs []duet.RunInfo) (rows []runRow, keys []string) {
	keys, differs := duet.Differences(runs)
	for i, r := range runs {
		rows = append(rows, runRow{r.Name, r.State, r.Step, r.Epoch, metrics.Number(r.Loss), metrics.Number(r.BestError),
			r.BestStep, metrics.Number(r.LastError), metrics.Number(r.ImagesPerSecond), r.Began, r.Latest, differs[i]})
	}
	return rows, keys
}

// tableOf are the rows as texts below their headings: as numbers for programs, or as people read them.
func tableOf(rows []runRow, keys []string, plain bool) [][]string {
	table := [][]string{append([]string{"run", "state", "step", "epoch", "best error", "at step", "last error", "images/s",
		"latest"}, keys...)}
	number := func(x metrics.Number, show func(float64) string) string {
		switch {
		case math.IsNaN(float64(x)):
			return ""
		case plain:
			return fmt.Sprint(float64(x))
		}
		return show(float64(x))
	}
	for _, r := range rows {
		latest, epoch, at := r.Latest.Format(time.DateTime), fmt.Sprintf("%.2f", r.Epoch), ""
		if plain {
			latest, epoch = r.Latest.UTC().Format(time.RFC3339), fmt.Sprint(r.Epoch)
		}
		if r.BestStep > 0 {
			at = fmt.Sprint(r.BestStep)
		}
		line := []string{r.Name, string(r.State), fmt.Sprint(r.Step), epoch, number(r.BestError, metrics.FormatPercent), at,
			number(r.LastError, metrics.FormatPercent), number(r.ImagesPerSecond, metrics.FormatRate), latest}
		for _, k := range keys {
			line = append(line, r.Differs[k])
		}
		if !plain {
			for i := range line {
				line[i] = invalid.Printable(line[i])
			}
		}
		table = append(table, line)
	}
	return table
}
