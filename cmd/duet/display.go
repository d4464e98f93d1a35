package main

import (
	"os"

	"duet"
)

// display shows on stderr how far the work of package duet has come, with a counter for each piece of work.
type display struct{ counter *counter }

func newDisplay() *display { return &display{} }

// hooks are what package duet tells a display by.
func (d *display) hooks() duet.Hooks {
	return duet.Hooks{Note: func(line string) { d.log("note: " + line) }, Log: d.log, Progress: d.show}
}

// show shows how far work has come.
func (d *display) show(p duet.Progress) {
	if p.Ended {
		d.close()
		return
	}
	if d.counter == nil {
		d.counter = newCounter(os.Stderr, p.What, p.Unit)
		if p.Unit == "kernels" { // which are mostly there at once
			d.counter.patient()
		}
	}
	d.counter.rename(p.What, p.Unit)
	d.counter.show(p.Done, p.Total)
}

// log prints a line, above the counter if one is visible.
func (d *display) log(line string) {
	if d.counter == nil {
		tell("%s", line)
		return
	}
	d.counter.log(line)
}

func (d *display) close() {
	if d.counter != nil {
		d.counter.close()
	}
	d.counter = nil
}
