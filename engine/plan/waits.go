package plan

import "slices"

// A clock says for every queue how much is known to be done: 0 is nothing, 1 that it has begun the run, n+1 that it has
// done n steps. A device has two queues, one for its copies from other devices, which go on beside its launches.
type clock []int

func (c clock) join(d clock) {
	for i := range c {
		c[i] = max(c[i], d[i])
	}
}

// waits finds, for every step, which steps of other queues must be done before it, and drops what other waits imply.
//
// A step depends on the writers of what it reads, and, where it overwrites bytes, on everything that other queues still
// read or write there; its own works in order. A vector clock per step holds what is known to be done once
// the step is. Dependencies are met latest first, so that a wait on a late step makes one on an earlier step needless.
//
// What it gives are the last copies of devices that do not wait for them themselves.
func waits(steps []*step, all []*slot, devices int) (loose []*step) {
	last := make([]*step, devices) // the devices' last copies
	positions := make([]int, 2*devices)
	for _, s := range steps {
		if s.queue = s.place.Device; s.copies() {
			s.queue += devices
		}
		positions[s.queue]++
		s.position = positions[s.queue]
	}
	known := make([]clock, 2*devices) // what is done before a queue's next step
	for q := range known {
		known[q] = make(clock, 2*devices)
	}
	after := make([]clock, len(steps)) // what is done once a step is
	for _, s := range steps {
		q := s.queue
		on := dependencies(s, all)
		slices.SortFunc(on, func(a, b *step) int { return b.index - a.index })
		for _, o := range on {
			if known[q][o.queue] > o.position {
				continue
			}
			s.waits = append(s.waits, o)
			o.signals = true
			known[q].join(after[o.index])
		}
		if s.copies() && s.in[0].writer == nil {
			if from := s.in[0].device; known[q][from] == 0 {
				s.begin, known[q][from] = true, 1
			}
		}
		known[q][q] = s.position + 1
		after[s.index] = slices.Clone(known[q])
		if s.copies() {
			last[s.place.Device] = s
		}
	}
	for d, s := range last {
		if s != nil && known[d][s.queue] <= s.position {
			s.signals = true
			loose = append(loose, s)
		}
	}
	return loose
}

// dependencies are the steps of other queues that must be done before s.
func dependencies(s *step, all []*slot) []*step {
	var on []*step
	add := func(o *step) {
		if o != nil && o.queue != s.queue && o.index < s.index {
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
			add(earlier.scratch)
			for _, v := range earlier.values {
				add(v.writer)
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
