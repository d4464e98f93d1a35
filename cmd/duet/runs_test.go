package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestRuns: of each run the state, how far it is, and what differs between the runs.
func TestRuns(t *testing.T) {
	p := newPlace(t)
	p.refused(exitFailed, []string{"runs"}, "runs")
	p.works(trainArgs("first")...)
	p.works(trainArgs("second", sets("train.max_steps=3", "train.momentum=0.5")...)...)
	p.check(os.Mkdir(p.path("runs", "empty"), 0o777))
	p.write([]byte("a text"), "runs", "notes.txt")
	p.write([]byte("no TOML"), "runs", "broken", "config.toml")

	var all []map[string]any
	r := p.works("runs", "--json")
	p.object(r, &all)
	if !strings.Contains(r.stderr, "runs/broken/config.toml") {
		t.Errorf("nothing is said of the broken one: %s", r.stderr)
	}
	if len(all) != 2 {
		t.Fatalf("%d runs, want 2", len(all))
	}
	for i, want := range []struct{ name, step, momentum string }{{"first", "12", "0.9"}, {"second", "3", "0.5"}} {
		one := all[i]
		differs := one["differs"].(map[string]any)
		if one["name"] != want.name || fmt.Sprint(one["step"]) != want.step || one["state"] != "done" ||
			differs["train.momentum"] != want.momentum {
			t.Errorf("%v, want %v", one, want)
		}
	}
	rows := strings.Split(p.works("runs", "--csv").stdout, "\n")
	if len(rows) != 4 || !strings.HasPrefix(rows[0], "run,state,step,epoch,best error,") ||
		!strings.Contains(rows[0], "train.momentum") || !strings.HasPrefix(rows[1], "first,done,12,") {
		t.Errorf("CSV %q", rows)
	}
	if r := p.works("runs"); !strings.Contains(r.stdout, "first") || strings.Contains(r.stdout, "empty") {
		t.Errorf("prints %s", r.stdout)
	}
	p.refused(exitUsage, []string{"--json and --csv"}, "runs", "--json", "--csv")
}

// TestRunsWhileTraining: a run that trains is seen so, and one that was killed as stopped; looking disturbs nobody.
func TestRunsWhileTraining(t *testing.T) {
	p := newPlace(t)
	r := p.start(trainArgs("long", sets("train.max_steps=100000", "train.report_steps=1")...)...)
	r.says("step 1/")
	state := func() (said string) {
		var all []map[string]any
		p.object(p.works("runs", "--json"), &all)
		return fmt.Sprint(all[0]["state"])
	}
	for range 5 {
		if is := state(); is != "training" {
			t.Fatalf("it is said to be %s", is)
		}
	}
	p.check(r.cmd.Process.Kill())
	r.end()
	if is := state(); is != "stopped" {
		t.Errorf("after kill it is said to be %s", is)
	}
}
