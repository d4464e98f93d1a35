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
	tune   bool
	wishes bool // a pin that the device lacks is no error
	log    func(string)
	told   func(backend.Measurement)                           // may be nil
	stop   func() error                                        // asked between measurements
	pins   map[string]string                                   // what Options.Kernels say, use by work
	made   map[string]string                                   // what a Pin or a measurement decided
	pick   func(work string, candidates []candidate) candidate // what decides when neither does
}

func newChoices(o backend.Options) choices {
	c := choices{tune: o.Tune, wishes: o.Wishes, log: o.Log, told: o.Measured, stop: o.Stop, pins: map[string]string{},
		made: map[string]string{}, pick: least}
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
		if err == nil {
			choices.made[work] = use
			return c, nil
		}
		if !choices.wishes {
			return nil, fmt.Errorf("devices.kernels: %w; --set devices.kernels=[] chooses anew, to numbers that are rounded "+
				"otherwise", err)
		}
		b.d.without("every kernel that the network was trained with", err)
	}
	if !choices.tune || len(candidates) == 1 {
		return choices.pick(work, candidates), nil
	}
	m, err := b.fastest(work, candidates)
	if err != nil {
		return nil, err
	}
	if _, again := choices.made[work]; !again && choices.told != nil {
		choices.told(m.Measurement)
	}
	choices.made[work] = m.use
	return named(m.use, candidates)
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

// measured are measurements by work, of the whole process: devices that train together must choose alike, as a run's
// configuration has one kernel for a piece of work.
var measured struct {
	sync.Mutex
	by map[string]measurement
}

type measurement struct {
	backend.Measurement
	use string // the fastest candidate
}

// promising is how many times the least count a candidate's may be for it to be measured. On an H200 a whole step by
// the count alone is within a tenth of one by measurement (docs/gpu-runs.md); and the driver need not compile a module
// that has no promising candidate.
const promising = 4

// fastest measures the candidates that promise most, from the least count on, unless a device did before.
func (b *builder) fastest(work string, candidates []candidate) (measurement, error) {
	measured.Lock()
	defer measured.Unlock()
	if m, found := measured.by[work]; found {
		if _, err := named(m.use, candidates); err != nil {
			return m, fmt.Errorf("measured on another device: %w; want GPUs of one kind, or devices.tune = false", err)
		}
		return m, nil
	}
	began := time.Now()
	sorted := slices.SortedStableFunc(slices.Values(candidates), func(x, y candidate) int {
		return cmp.Compare(x.clocks(), y.clocks())
	})
	best, least, texts := "", time.Duration(0), []string(nil)
	for _, c := range sorted {
		if c.clocks() > promising*sorted[0].clocks() {
			break
		}
		took, err := b.measure(c, least)
		if err != nil {
			return measurement{}, fmt.Errorf("measure %v: %w", c, err)
		}
		texts = append(texts, fmt.Sprintf("%v %v", c, took.Round(100*time.Nanosecond)))
		if best == "" || took < least {
			best, least = c.String(), took
		}
	}
	m := measurement{use: best}
	m.Line = fmt.Sprintf("%s: %s: %s of %s", b.d.name, work, best, strings.Join(texts, ", "))
	if n := len(candidates) - len(texts); n > 0 {
		m.Line += fmt.Sprintf(", and %d of a far larger count", n)
	}
	m.Took = time.Since(began)
	if measured.by == nil {
		measured.by = map[string]measurement{}
	}
	measured.by[work] = m
	return m, nil
}
