package main

import (
	"fmt"
	"os"
	"time"

	"duet/engine/metrics"
	"duet/internal/invalid"
)

// counter shows how far work with a known or unknown end has come.
type counter struct {
	console *metrics.Console
	what    string
	unit    string
	file    *os.File
	after   time.Time // when it may become visible
}

func newCounter(f *os.File, what, unit string) *counter {
	return &counter{what: invalid.Printable(what), unit: unit, file: f}
}

// patient has the counter wait for a second, for work that is mostly done by then.
func (c *counter) patient() *counter {
	c.after = time.Now().Add(time.Second)
	return c
}

// show tells how much is done; the first call makes the counter visible.
func (c *counter) show(done, total int) {
	if c.console == nil && time.Now().Before(c.after) {
		return
	}
	if c.console == nil {
		c.console = metrics.NewConsole(c.file, metrics.ConsoleOptions{Terminal: metrics.ClaimBar(c.file)})
	}
	c.console.Phase(c.what, uint64(done), uint64(total), c.unit)
}

// rename has the counter count something else.
func (c *counter) rename(what, unit string) { c.what, c.unit = invalid.Printable(what), unit }

// megabytes shows how much of a number of bytes is done, where that is worth it.
func (c *counter) megabytes(done, total int64) {
	if total >= 1<<20 {
		c.show(int(done>>20), int(total>>20))
	}
}

// log prints a line, above the counter if that is visible.
func (c *counter) log(line string) {
	if c.console == nil {
		fmt.Fprintln(c.file, invalid.Printable(line))
		return
	}
	fmt.Fprintln(c.console, invalid.Printable(line))
}

func (c *counter) close() {
	if c.console != nil {
		c.console.Close() // writes to a terminal; nothing to be done about an error
	}
}
