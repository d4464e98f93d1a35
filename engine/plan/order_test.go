package plan_test

import (
	"slices"
	"testing"

	"duet/engine/backend"
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

// joining is a fake device that does updates together, and whose programs keep some memory.
type joining struct{ *fake }

type keeping struct{ backend.Program }

func (joining) Joins(o op.Updater) bool { return o == learn{} }
func (keeping) Bytes() int64            { return 300 }

func (j joining) Load(commands []backend.Command, o backend.LoadOptions) (backend.Program, error) {
	p, err := j.fake.Load(commands, o)
	return keeping{p}, err
}

// TestUpdatesTogether: where a device joins updates they come last, in the order of the Spec, and their gradients stay
// until then; elsewhere each comes as soon as it can. What the device's programs keep is counted.
func TestUpdatesTogether(t *testing.T) {
	for _, joins := range []bool{false, true} {
		s := newSmall(newFake("fake:0", 1))
		from := s.leaf
		var grads []*op.Node
		for i, name := range []string{"w", "u", "v"} {
			from = apply(t, mix{ID: 2 * i, Inputs: 2, Bytes: 1000}, 0, from, s.param(name))
			grads = append(grads, apply(t, mix{ID: 2*i + 1, Inputs: 1, Bytes: 5000}, 0, from))
		}
		s.output("y", apply(t, mix{ID: 6, Inputs: 1, Bytes: 1000}, 0, from))
		for i, name := range []string{"w", "u", "v"} {
			s.spec.Updates = append(s.spec.Updates, plan.Update{Op: learn{}, Param: name, Grad: grads[i]})
		}
		device := backend.Device(s.devices[0])
		if joins {
			device = joining{s.devices[0]}
		}
		state := plan.NewState([]backend.Device{device})
		p, err := plan.Compile(s.spec, state)
		if err != nil {
			t.Fatal(err)
		}
		var updates []int
		var params []string
		r := p.Report()
		for _, step := range r.Steps {
			if step.Update {
				updates, params = append(updates, step.Index), append(params, step.In[0].Name)
			}
		}
		n := len(r.Steps)
		if together := slices.Equal(updates, []int{n - 3, n - 2, n - 1}); together != joins {
			t.Errorf("joins %v: updates are steps %v of %d", joins, updates, n)
		}
		if joins && !slices.Equal(params, []string{"w", "u", "v"}) {
			t.Errorf("updates of %v, want w, u, v", params)
		}
		m := r.Devices[0]
		if grown := m.Arena >= 3*5000; grown != joins {
			t.Errorf("joins %v: an arena of %d bytes", joins, m.Arena)
		}
		if want := p.Bytes() + m.State; m.Bytes != want || m.Arena+m.State+m.Other != want {
			t.Errorf("joins %v: %+v, want %d bytes in all", joins, m, want)
		}
		owned := s.devices[0].bytes - m.State
		if kept := p.Bytes() - owned; joins && kept != 300 || !joins && kept != 0 {
			t.Errorf("joins %v: %d bytes of programs", joins, kept)
		}
		s.close(t, p, state)
	}
}
