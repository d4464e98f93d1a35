package plan

import (
	"cmp"
	"slices"

	"duet/engine/backend"
)

// slot is a range of bytes in a device's arena for the time in which its values live.
type slot struct {
	device      int
	bytes       int64
	first, last int // steps: from the writer to the last reader
	values      []*value
	scratch     *step // that it is the scratch of
	offset      int64
}

// meets says whether two slots live at the same time.
func (s *slot) meets(t *slot) bool { return s.first <= t.last && t.first <= s.last }

// overlaps says whether two placed slots share bytes.
func (s *slot) overlaps(t *slot) bool {
	return s.offset < t.offset+t.bytes && t.offset < s.offset+s.bytes
}

// slots gives every value that a step writes, and every scratch, a slot; in place where the kernel can.
func slots(steps []*step) []*slot {
	var all []*slot
	for _, s := range steps {
		if s.kernel != nil && s.kernel.Scratch() > 0 {
			s.scratch = &slot{device: s.place.Device, bytes: s.kernel.Scratch(), first: s.index, last: s.index, scratch: s}
			all = append(all, s.scratch)
		}
		for i, v := range s.out {
			if v.kept { // all that an update writes is
				continue
			}
			if i == 0 && s.kernel != nil {
				if from := s.inPlace(); from != nil {
					v.slot = from.slot
					v.slot.values = append(v.slot.values, v)
					v.slot.last = max(v.slot.last, v.lastUse())
					continue
				}
			}
			v.slot = &slot{device: v.device, bytes: max(v.layout.Bytes(), 1), first: s.index, last: v.lastUse(),
				values: []*value{v}}
			all = append(all, v.slot)
		}
	}
	return all
}

// lastUse is the last step that touches a value.
func (v *value) lastUse() int {
	last := v.writer.index
	for _, r := range v.readers {
		last = max(last, r.index)
	}
	return last
}

// inPlace is the input whose memory the first output takes, or nil.
func (s *step) inPlace() *value {
	i := s.kernel.InPlace()
	if i < 0 {
		return nil
	}
	v := s.in[i]
	if v.kept || v.slot == nil || v.slot.bytes < s.out[0].layout.Bytes() || v.slot.last > s.index {
		return nil
	}
	for j, w := range s.in { // the same value twice would be overwritten while it is read
		if j != i && w.slot == v.slot {
			return nil
		}
	}
	return v
}

// arrange gives slots of one device their offsets and returns the size of the arena. It tries the slots from the
// largest to the smallest and in order of time, each at the lowest place that is free while it lives, and keeps the
// better.
//
// Source: Pisarchyk, Lee, "Efficient memory management for deep neural net inference", 2020, greedy by size.
func arrange(slots []*slot) int64 {
	bySize := slices.Clone(slots)
	slices.SortStableFunc(bySize, func(a, b *slot) int { return cmp.Compare(b.bytes, a.bytes) })
	size := place(bySize)
	if inTime := place(slots); inTime <= size {
		return inTime
	}
	return place(bySize)
}

func place(slots []*slot) (size int64) {
	var placed []*slot // by offset
	for _, s := range slots {
		at := int64(0)
		for _, p := range placed {
			if !p.meets(s) {
				continue
			}
			if p.offset-at >= s.bytes {
				break
			}
			at = max(at, align(p.offset+p.bytes))
		}
		s.offset = at
		size = max(size, align(at+s.bytes))
		i, _ := slices.BinarySearchFunc(placed, s, func(a, b *slot) int { return cmp.Compare(a.offset, b.offset) })
		placed = slices.Insert(placed, i, s)
	}
	return size
}

func align(n int64) int64 {
	return (n + backend.Alignment - 1) / backend.Alignment * backend.Alignment
}
