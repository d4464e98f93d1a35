package main

import (
	"fmt"
	"os"
	"time"

	"duet/dataloader/prepare"
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

// prepared shows how far a source is packed: first it is listed, then its images are decoded.
func (c *counter) prepared(p prepare.Progress) {
	what := c.what
	defer func() { c.what = what }()
	if p.Total == 0 {
		c.what = "listing"
		c.show(p.Found, 0)
		return
	}
	c.show(p.Done, p.Total)
}

// megabytes shows how much of a number of bytes is done, where that is worth it.
func (c *counter) megabytes(done, total int64) {
	if total >= 1<<20 {
		c.show(int(done>>20), int(total>>20))
	}
}

// log prints a line, above the counter if that is visible.
func (c *counter) log(line string) {
	if c.console == nil {
		fmt.Fprintln(c.file, line)
		return
	}
	fmt.Fprintln(c.console, line)
}

func (c *counter) close() {
	if c.console != nil {
		c.console.Close() // writes to a terminal; nothing to be done about an error
	}
}
