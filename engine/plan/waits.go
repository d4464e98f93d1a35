package plan

import "slices"

// A clock says for every device how much is known to be done: 0 is nothing, 1 that it has begun the run, n+1 that it
// has done n steps.
type clock []int

func (c clock) join(d clock) {
	for i := range c {
		c[i] = max(c[i], d[i])
	}
}

// waits finds, for every step, which steps of other devices must be done before it, and drops what other waits imply.
//
// A step depends on the writers of what it reads, and, where it overwrites bytes, on everything that other devices
// still read or write there; its own device works in order. A vector clock per step holds what is known to be done once
// the step is. Dependencies are met latest first, so that a wait on a late step makes one on an earlier step needless.
func waits(steps []*step, all []*slot, devices int) {
	positions := make([]int, devices)
	for _, s := range steps {
		positions[s.place.Device]++
		s.position = positions[s.place.Device]
	}
	known := make([]clock, devices) // what is done before a device's next step
	for d := range known {
		known[d] = make(clock, devices)
	}
	after := make([]clock, len(steps)) // what is done once a step is
	for _, s := range steps {
		d := s.place.Device
		on := dependencies(s, all)
		slices.SortFunc(on, func(a, b *step) int { return b.index - a.index })
		for _, o := range on {
			if known[d][o.place.Device] > o.position {
				continue
			}
			s.waits = append(s.waits, o)
			o.signals = true
			known[d].join(after[o.index])
		}
		if s.copies() && s.in[0].writer == nil {
			if from := s.in[0].device; known[d][from] == 0 {
				s.begin, known[d][from] = true, 1
			}
		}
		known[d][d] = s.position + 1
		after[s.index] = slices.Clone(known[d])
	}
}

// dependencies are the steps of other devices that must be done before s.
func dependencies(s *step, all []*slot) []*step {
	var on []*step
	add := func(o *step) {
		if o != nil && o.place.Device != s.place.Device && o.index < s.index {
			on = append(on, o)
		}
	}
	for _, v := range s.in {
		add(v.writer)
	}
	for _, a := range s.after {
		add(a)
	}
	for _, w := range s.writes() {
		for _, earlier := range all {
			if earlier != w && (earlier.device != w.device || earlier.first > s.index || !earlier.overlaps(w)) {
				continue
			}
			for _, v := range earlier.values {
				for _, r := range v.readers {
					add(r)
				}
			}
		}
	}
	return on
}

// writes are the slots whose bytes a step changes.
func (s *step) writes() []*slot {
	var out []*slot
	if s.scratch != nil {
		out = append(out, s.scratch)
	}
	for _, v := range s.out {
		if v.slot != nil {
			out = append(out, v.slot)
		}
	}
	return out
}
