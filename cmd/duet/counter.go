package main

import (
	"os"

	"duet/engine/metrics"
)

// counter shows how far work with a known or unknown end has come.
type counter struct {
	console *metrics.Console
	what    string
	file    *os.File
}

func newCounter(f *os.File, what string) *counter { return &counter{what: what, file: f} }

// show tells how much is done; the first call makes the counter visible.
func (c *counter) show(done, total int) {
	if c.console == nil {
		c.console = metrics.NewConsole(c.file, metrics.ConsoleOptions{Terminal: metrics.IsTerminal(c.file)})
	}
	c.console.Phase(c.what, uint64(done), uint64(total))
}

func (c *counter) close() {
	if c.console != nil {
		c.console.Close() // writes to a terminal; nothing to be done about an error
	}
}
