//go:build gpu

package cuda

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"duet/engine/backend"
)

// A candidate is one way to do a piece of work: a kernel of ours, or, one day, of a library.
type candidate interface {
	// String is what a Pin's Use says.
	String() string
	// clocks estimates its time, to be compared with other candidates' for the same work.
	clocks() float64
	// lay adds its steps to a kernel.
	lay(b *builder)
}

// choices are a device's.
type choices struct {
	tune bool
	log  func(string)
	stop func() error                                        // asked between measurements
	pins map[string]string                                   // what Options.Kernels say, use by work
	made map[string]string                                   // what a Pin or a measurement decided
	pick func(work string, candidates []candidate) candidate // what decides when neither does
}

func newChoices(o backend.Options) choices {
	c := choices{tune: o.Tune, log: o.Log, stop: o.Stop, pins: map[string]string{}, made: map[string]string{}, pick: least}
	for _, p := range o.Kernels {
		c.pins[p.Work] = p.Use
	}
	return c
}

// Choices are what was chosen by measurement or by a Pin, in order of Work.
func (d *device) Choices() []backend.Pin {
	var pins []backend.Pin
	for work, use := range d.choices.made {
		pins = append(pins, backend.Pin{Work: work, Use: use})
	}
	slices.SortFunc(pins, func(p, q backend.Pin) int { return strings.Compare(p.Work, q.Work) })
	return pins
}

// choose lays out a candidate for a piece of work, which names operation, sizes and precision: the one that is pinned,
// or the fastest one measured, or, where nothing is to be measured, the one of the least count.
func (b *builder) choose(work string, candidates []candidate) {
	if b.failure != nil {
		return
	}
	work += " " + b.activations().String()
	c, err := b.decide(work, candidates)
	if err != nil {
		b.fail("%s: %w", work, err)
		return
	}
	c.lay(b)
}

func (b *builder) decide(work string, candidates []candidate) (candidate, error) {
	choices := &b.d.choices
	if use, pinned := choices.pins[work]; pinned {
		c, err := named(use, candidates)
		if err != nil {
			return nil, fmt.Errorf("devices.kernels: %w", err)
		}
		choices.made[work] = use
		return c, nil
	}
	if !choices.tune || len(candidates) == 1 {
		return choices.pick(work, candidates), nil
	}
	use, err := b.fastest(work, candidates)
	if err != nil {
		return nil, err
	}
	choices.made[work] = use
	return named(use, candidates)
}

// least is the candidate of the least count; the first of several.
func least(_ string, candidates []candidate) candidate {
	return slices.MinFunc(candidates, func(x, y candidate) int { return cmp.Compare(x.clocks(), y.clocks()) })
}

// named finds a candidate.
func named(use string, candidates []candidate) (candidate, error) {
	var names []string
	for _, c := range candidates {
		if c.String() == use {
			return c, nil
		}
		names = append(names, c.String())
	}
	return nil, fmt.Errorf("kernel %q: this device has, for this work, %s", use, strings.Join(names, ", "))
}

// measured is the fastest candidate by work, of the whole process: devices that train together must choose alike, as a
// run's configuration has one kernel for a piece of work.
var measured struct {
	sync.Mutex
	use map[string]string
}

// fastest measures the candidates, unless a device did before.
func (b *builder) fastest(work string, candidates []candidate) (string, error) {
	measured.Lock()
	defer measured.Unlock()
	if use, found := measured.use[work]; found {
		if _, err := named(use, candidates); err != nil {
			return "", fmt.Errorf("measured on another device: %w; want GPUs of one kind, or devices.tune = false", err)
		}
		return use, nil
	}
	best, least, texts := "", time.Duration(0), []string(nil)
	for _, c := range candidates {
		took, err := b.measure(c)
		if err != nil {
			return "", fmt.Errorf("measure %v: %w", c, err)
		}
		texts = append(texts, fmt.Sprintf("%v %v", c, took.Round(100*time.Nanosecond)))
		if best == "" || took < least {
			best, least = c.String(), took
		}
	}
	if b.d.choices.log != nil {
		b.d.choices.log(fmt.Sprintf("%s: %s: %s of %s", b.d.name, work, best, strings.Join(texts, ", ")))
	}
	if measured.use == nil {
		measured.use = map[string]string{}
	}
	measured.use[work] = best
	return best, nil
}
