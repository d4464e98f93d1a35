//go:build gpu && sim

package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSimPlacement: where "auto" finds two GPUs for two towers, training and bench measure whether one is faster, say
// so with both figures, and take it; a run keeps the choice, and one that is resumed, by its own configuration or by
// the one it began with, does not measure. GPUs that are named are taken, and both where nothing is to be measured.
func TestSimPlacement(t *testing.T) {
	s := newSimulated(t)
	auto := sets(`devices.towers=["auto"]`, "devices.tune=true", "train.validate_epochs=0", "train.checkpoint_epochs=0")
	train := func(run string, more ...string) []string {
		return slices.Concat([]string{"train", "smoke", "--run", run}, auto, more)
	}
	said := regexp.MustCompile(
		`auto takes (cuda:0|cuda:0 and cuda:1): a step takes ([0-9.]+) ms on cuda:0 and cuda:1, ([0-9.]+) ms on cuda:0\n`)
	const words = "a step takes"
	towers := func(run string) string {
		t.Helper()
		return regexp.MustCompile(`(?m)^towers = \[.*$`).FindString(string(s.read("runs", run, "config.toml")))
	}

	r, _ := s.clean(nil, train("run", sets("train.max_steps=4")...)...)
	m := said.FindStringSubmatch(r.stderr)
	if m == nil || !strings.Contains(string(s.read("runs", "run", "log.txt")), words) {
		t.Fatalf("the placement is not printed and logged:\n%s\n%s", r.stderr, s.read("runs", "run", "log.txt"))
	}
	if both, one := s.float(m[2]), s.float(m[3]); (m[1] == "cuda:0") != (one < both) && one != both {
		t.Errorf("took the slower: %s", m[0])
	}
	taken := towers("run")
	if want := `towers = ["` + strings.ReplaceAll(m[1], " and ", `", "`) + `"]`; taken != want {
		t.Errorf("the run's configuration has %s, want %s", taken, want)
	}
	for _, resume := range [][]string{
		append([]string{"train", "--run", "run", "--resume"}, sets("devices.tune=true", "train.max_steps=6")...),
		append(train("run", sets("train.max_steps=8")...), "--resume"),
	} {
		r, _ := s.clean(nil, resume...)
		if strings.Contains(r.stderr, words) || strings.Contains(r.stderr, "measured") || towers("run") != taken {
			t.Errorf("duet %v: %s, was %s:\n%s", resume, towers("run"), taken, r.stderr)
		}
	}

	r, _ = s.clean(nil, append(train("both", sets("train.max_steps=1")...), pair...)...)
	if strings.Contains(r.stderr, words) || towers("both") != `towers = ["cuda:0", "cuda:1"]` {
		t.Errorf("named GPUs: %s\n%s", towers("both"), r.stderr)
	}
	r, _ = s.clean(nil, train("plain", sets("train.max_steps=1", "devices.tune=false")...)...)
	if !strings.Contains(r.stderr, "auto takes cuda:0 and cuda:1\n") ||
		towers("plain") != `towers = ["cuda:0", "cuda:1"]` {
		t.Errorf("not tuned: %s\n%s", towers("plain"), r.stderr)
	}

	r, _ = s.clean(nil, "bench", "smoke", "--devices", "auto", "--steps", "1", "--set", "devices.tune=true")
	if !said.MatchString(r.stderr) {
		t.Errorf("bench does not say what it takes:\n%s", r.stderr)
	}
	r, _ = s.clean(nil, "plan", "smoke", "--devices", "auto")
	if !strings.Contains(r.stderr, "auto takes cuda:0 and cuda:1\n") || strings.Contains(r.stderr, "measured") {
		t.Errorf("plan:\n%s", r.stderr)
	}

	// A placement that fails is not taken, and its error is said.
	r, _ = s.clean([]string{"DUET_SIM_FAULT=alloc:3@1"}, train("spare", sets("train.max_steps=1")...)...)
	failed := regexp.MustCompile(`auto takes cuda:0: a step takes [0-9.]+ ms on cuda:0; ` +
		`on cuda:0 and cuda:1 it fails \(plan train: cuda:1: .*OutOfMemory`)
	if !failed.MatchString(r.stderr) || towers("spare") != `towers = ["cuda:0"]` {
		t.Errorf("where one GPU has no memory: %s\n%s", towers("spare"), r.stderr)
	}

	// With one GPU there is nothing to measure.
	one := newSimulated(t, "DUET_SIM_DEVICES=1")
	r, _ = one.clean(nil, train("run", sets("train.max_steps=1")...)...)
	if strings.Contains(r.stderr, words) || !strings.Contains(r.stderr, "auto takes cuda:0\n") {
		t.Errorf("one GPU:\n%s", r.stderr)
	}
}
