package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"duet/engine/metrics"
	"duet/internal/invalid"
)

// tell writes lines to stderr. Names in them, which somebody else may have chosen, do not steer the terminal.
func tell(format string, args ...any) {
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	for i := range lines {
		lines[i] = invalid.Printable(lines[i])
	}
	fmt.Fprintln(os.Stderr, strings.Join(lines, "\n"))
}

// results is standard output: every command prints what it comes to here, and nowhere else, so that a full disk is
// noticed in one place.
var results = &output{to: os.Stdout}

// An output keeps its first error and writes nothing after it.
type output struct {
	to  io.WriteCloser
	err error
}

func (o *output) Write(p []byte) (n int, err error) {
	if o.err != nil {
		return 0, o.err
	}
	if n, err = o.to.Write(p); err != nil {
		o.err = fmt.Errorf("results: %w", err)
	}
	return n, o.err
}

func (o *output) isTerminal() bool {
	f, ok := o.to.(*os.File)
	return ok && metrics.IsTerminal(f)
}

// close says what went wrong since the beginning, or goes wrong at the end, as on a disk across a network.
func (o *output) close() error {
	if err := o.to.Close(); err != nil && o.err == nil {
		o.err = fmt.Errorf("results: %w", err)
	}
	return o.err
}

// printJSON prints a result for other programs.
func printJSON(v any) error {
	e := json.NewEncoder(results)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
