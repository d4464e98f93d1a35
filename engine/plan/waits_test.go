package plan_test

import (
	"slices"
	"strings"
	"testing"

	"duet/engine/backend"
	"duet/engine/plan"
)

// A happening is one command of one device in one of several runs. What a device does beside the rest counts as
// another device's here.
type happening struct {
	backend.Command
	device int
	at     int // among its device's commands over all runs
	inRun  int // among its device's commands of one run
	run    int
	after  []int // by device: how many of its happenings are surely done before this one begins
}

// history is every device's commands, run after run, each with its uploads first, and then what they do beside.
func history(devices []*fake, runs int) [][]*happening {
	all := make([][]*happening, 2*len(devices))
	for d, f := range devices {
		run := [2][]backend.Command{{{Kind: backend.Launch, Label: "uploads", Out: f.leaves}}}
		for _, c := range f.loaded {
			beside := 0
			if c.Beside {
				beside = 1
			}
			run[beside] = append(run[beside], c)
		}
		for beside, commands := range run {
			q := d + beside*len(devices)
			for r := range runs {
				for i, c := range commands {
					all[q] = append(all[q], &happening{Command: c, device: q, at: len(all[q]), inRun: i, run: r})
				}
			}
		}
	}
	return all
}

// order fills in what is surely done before each happening: what stands before it on its device, and what a signal that
// it waited for follows. without is a wait that is left out, in every run, or nil. It fails where devices wait in a
// circle.
func order(t *testing.T, all [][]*happening, without *happening) {
	t.Helper()
	next := make([]int, len(all))
	signals := map[backend.Event][]*happening{}
	for moved := true; moved; {
		moved = false
		for d := range all {
			for next[d] < len(all[d]) {
				h := all[d][next[d]]
				h.after = make([]int, len(all))
				if h.at > 0 {
					copy(h.after, all[d][h.at-1].after)
				}
				h.after[d] = h.at
				if h.Kind == backend.Wait && (without == nil || h.device != without.device || h.inRun != without.inRun) {
					if h.run >= len(signals[h.Event]) {
						break // not signalled yet
					}
					s := signals[h.Event][h.run]
					for e, done := range s.after {
						h.after[e] = max(h.after[e], done)
					}
					h.after[s.device] = max(h.after[s.device], s.at+1)
				}
				if h.Kind == backend.Signal {
					signals[h.Event] = append(signals[h.Event], h)
				}
				next[d]++
				moved = true
			}
		}
	}
	for d := range all {
		if next[d] < len(all[d]) {
			t.Fatalf("device %d waits for ever at %s", d, all[d][next[d]].Label)
		}
	}
}

// touches are the buffers that a command reads and writes.
func (h *happening) touches() (reads, writes []backend.Buffer) {
	switch h.Kind {
	case backend.Launch:
		writes = slices.Clone(h.Out)
		if h.Scratch.Bytes > 0 {
			writes = append(writes, h.Scratch)
		}
		return h.In, writes
	case backend.Copy:
		return []backend.Buffer{h.Src}, []backend.Buffer{h.Dst}
	}
	return nil, nil
}

func overlap(as, bs []backend.Buffer) bool {
	for _, a := range as {
		for _, b := range bs {
			if a.Memory == b.Memory && a.Offset < b.Offset+b.Bytes && b.Offset < a.Offset+a.Bytes {
				return true
			}
		}
	}
	return false
}

// conflict says whether two commands may not run at the same time.
func conflict(a, b *happening) bool {
	ra, wa := a.touches()
	rb, wb := b.touches()
	return overlap(wa, rb) || overlap(wa, wb) || overlap(ra, wb)
}

// conflicts are the pairs of commands of different devices that may not run at the same time.
func conflicts(all [][]*happening) (pairs [][2]*happening) {
	for d := range all {
		for e := range d {
			for _, a := range all[d] {
				for _, b := range all[e] {
					if conflict(a, b) {
						pairs = append(pairs, [2]*happening{a, b})
					}
				}
			}
		}
	}
	return pairs
}

// race finds a pair that is in no order, or gives nils.
func race(pairs [][2]*happening) (a, b *happening) {
	for _, p := range pairs {
		if a, b := p[0], p[1]; b.after[a.device] <= a.at && a.after[b.device] <= b.at {
			return a, b
		}
	}
	return nil, nil
}

// TestWaitsSuffice: whatever the speed of the devices, no two commands of different devices touch the same bytes at the
// same time unless both read; not within a run, and not from one run to the next.
func TestWaitsSuffice(t *testing.T) {
	eachRandom(t, 150, func(t *testing.T, x *random, p *plan.Plan, s *plan.State) {
		x.start(t, s)
		x.feed(t, p, 0)
		all := history(x.devices, 2)
		order(t, all, nil)
		if a, b := race(conflicts(all)); a != nil {
			t.Errorf("device %d %q and device %d %q may meet", a.device, a.Label, b.device, b.Label)
		}
	})
}

// TestWaitsAreFew: without any one of the waits for steps, or for another device's begin, there would be a race. The
// waits for each other's end, at the end of a run, are for the next run.
func TestWaitsAreFew(t *testing.T) {
	total := 0
	eachRandom(t, 150, func(t *testing.T, x *random, p *plan.Plan, s *plan.State) {
		x.start(t, s)
		x.feed(t, p, 0)
		report := p.Report()
		inReport := 0
		for _, s := range report.Steps {
			inReport += len(s.Waits)
		}
		all := history(x.devices, 1)
		pairs := conflicts(all)
		waits := 0
		for _, commands := range all {
			last := 0 // the last step
			for i, h := range commands {
				if h.Kind == backend.Launch || h.Kind == backend.Copy {
					last = i
				}
			}
			for _, h := range commands[:last] {
				if h.Kind != backend.Wait {
					continue
				}
				if !strings.Contains(h.Label, "begin of") {
					waits++
				}
				order(t, all, h)
				if a, _ := race(pairs); a == nil {
					t.Errorf("device %d: %q is not necessary", h.device, h.Label)
				}
			}
		}
		if waits != inReport {
			t.Errorf("%d waits in the programs, %d in the report", waits, inReport)
		}
		total += waits
	})
	if total < 500 {
		t.Errorf("only %d waits in all graphs: the test shows little", total)
	}
}

// TestOneDeviceNeedsNoEvents: a program of one device neither signals nor waits.
func TestOneDeviceNeedsNoEvents(t *testing.T) {
	f := newFake("fake:0", 1)
	s := newSmall(f)
	s.output("y", chain(t, s.leaf, 3, mix{Bytes: 300}))
	p, state := s.compile(t)
	defer s.close(t, p, state)
	for _, c := range f.loaded {
		if c.Kind != backend.Launch {
			t.Errorf("%q is of kind %d", c.Label, c.Kind)
		}
	}
}
