package plan_test

import (
	"testing"

	"duet/engine/op"
	"duet/engine/plan"
)

// TestOrder: what another device waits for comes before what nobody waits for, and an update, which frees its
// gradient's memory, before other steps; whatever the graph has first.
func TestOrder(t *testing.T) {
	s := newSmall(newFake("fake:0", 1), newFake("fake:1", 2))
	m := func(id int) mix { return mix{ID: id, Inputs: 1, Bytes: 100} }
	w := s.param("w")
	own := apply(t, m(2), 0, apply(t, m(1), 0, w))
	gradient := apply(t, m(3), 0, w)
	sent := apply(t, m(5), 0, apply(t, m(4), 0, s.leaf))
	s.output("own", apply(t, m(6), 0, own))
	s.output("gradient", apply(t, m(7), 0, gradient))
	s.output("there", apply(t, m(8), 1, apply(t, op.Send{From: 0}, 1, sent)))
	s.spec.Updates = append(s.spec.Updates, plan.Update{Op: learn{}, Param: "w", Grad: gradient})
	p, state := s.compile(t)
	defer s.close(t, p, state)
	at := map[int]int{} // by the operation's number
	update := -1
	for i, c := range s.devices[0].loaded {
		k, is := c.Kernel.(*fakeKernel)
		if !is {
			continue
		}
		if o, is := k.op.(mix); is {
			at[o.ID] = i
		} else {
			update = i
		}
	}
	for _, awaited := range []int{4, 5} {
		for _, other := range []int{1, 2, 3, 6, 7} {
			if at[awaited] > at[other] {
				t.Errorf("operation %d, which device 1 waits for, comes after %d", awaited, other)
			}
		}
	}
	// The update waits for all readers of its weight: 1 and 3.
	for _, other := range []int{2, 6, 7} {
		if update > at[other] && at[other] > max(at[1], at[3]) {
			t.Errorf("the update comes after operation %d", other)
		}
	}
	if len(at) != 7 || update < 0 {
		t.Errorf("operations at %v, the update at %d", at, update)
	}
}
