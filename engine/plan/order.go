package plan

import (
	"container/heap"
	"fmt"
	"slices"

	"duet/engine/backend"
	"duet/engine/op"
)

// order sorts the steps so that each comes after those it depends on. Among the steps that could come next it takes
// first what another device waits for, so that the other device need not; then a copy from another device, which goes
// on beside what follows; then an update, whose gradient's memory it frees; then what the graph has first; and last
// what reads a copy, so that it has arrived. Updates that a device joins come at the end, in the order of the Spec.
func order(name string, steps []*step, devices []backend.Device) ([]*step, error) {
	for i, s := range steps {
		s.index = i
	}
	next := make([][]*step, len(steps))
	open := make([]int, len(steps)) // how many steps must still come first
	for _, s := range steps {
		depend := func(on *step) {
			if on != nil && on != s {
				next[on.index] = append(next[on.index], s)
				open[s.index]++
			}
		}
		for _, v := range s.in {
			depend(v.writer)
		}
		for _, a := range s.after {
			depend(a)
		}
	}
	q := &queue{awaited: awaited(steps), devices: devices}
	for _, s := range steps {
		if open[s.index] == 0 {
			heap.Push(q, s)
		}
	}
	var sorted []*step
	for q.Len() > 0 {
		s := heap.Pop(q).(*step)
		sorted = append(sorted, s)
		for _, n := range next[s.index] {
			if open[n.index]--; open[n.index] == 0 {
				heap.Push(q, n)
			}
		}
	}
	if len(sorted) != len(steps) {
		return nil, fmt.Errorf("plan %s: %d of %d steps wait for each other", name, len(steps)-len(sorted), len(steps))
	}
	for i, s := range sorted {
		s.index = i
	}
	return sorted, nil
}

// awaited marks, by index, the steps that a copy to another device needs.
func awaited(steps []*step) []bool {
	marks := make([]bool, len(steps))
	var mark func(s *step)
	mark = func(s *step) {
		if s == nil || marks[s.index] {
			return
		}
		marks[s.index] = true
		for _, v := range s.in {
			mark(v.writer)
		}
	}
	for _, s := range steps {
		if s.copies() {
			mark(s)
		}
	}
	return marks
}

// queue holds the steps that could come next; it is a heap.
type queue struct {
	steps   []*step
	awaited []bool
	devices []backend.Device
}

func (q *queue) rank(s *step) int {
	switch {
	case s.copies():
		return 1
	case slices.ContainsFunc(s.in, func(v *value) bool { return v.writer != nil && v.writer.copies() }):
		return 4
	case q.awaited[s.index]:
		return 0
	case s.update && q.joins(s):
		return 5
	case s.update:
		return 2
	}
	return 3
}

// joins says whether the device does an update together with those that follow it.
func (q *queue) joins(s *step) bool {
	joiner, is := q.devices[s.place.Device].(backend.Joiner)
	return is && joiner.Joins(s.op.(op.Updater))
}

func (q *queue) Len() int { return len(q.steps) }

func (q *queue) Less(i, j int) bool {
	a, b := q.steps[i], q.steps[j]
	if ra, rb := q.rank(a), q.rank(b); ra != rb {
		return ra < rb
	}
	return a.index < b.index
}

func (q *queue) Swap(i, j int) { q.steps[i], q.steps[j] = q.steps[j], q.steps[i] }
func (q *queue) Push(x any)    { q.steps = append(q.steps, x.(*step)) }

func (q *queue) Pop() any {
	last := len(q.steps) - 1
	s := q.steps[last]
	q.steps = q.steps[:last]
	return s
}
