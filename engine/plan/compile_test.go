package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/engine/plan"
)

// small is a graph that a test makes by hand, on fake devices.
type small struct {
	random
	g    *gorgonia.ExprGraph
	leaf *op.Node // input "x" on device 0
}

func newSmall(devices ...*fake) *small {
	g := gorgonia.NewGraph()
	s := &small{g: g, leaf: op.Leaf(g, "x", scalar, false)}
	s.devices = devices
	s.spec = plan.Spec{Name: "small", Graph: g, Inputs: []plan.Input{{Name: "x", Type: scalar, Nodes: []*op.Node{s.leaf}}}}
	return s
}

func (s *small) param(name string) *op.Node {
	n := op.Leaf(s.g, name, scalar, false)
	s.spec.Params = append(s.spec.Params, plan.Param{Name: name, Node: n})
	return n
}

func (s *small) output(name string, n *op.Node) {
	s.spec.Outputs = append(s.spec.Outputs, plan.Output{Name: name, Node: n})
}

// chain applies n operations one after the other on device 0.
func chain(t *testing.T, from *op.Node, n int, m mix) *op.Node {
	t.Helper()
	for i := range n {
		m.ID, m.Inputs = 100+i, 1
		from = apply(t, m, 0, from)
	}
	return from
}

// TestInPlaceChain: a chain of operations in place lives in one piece of memory, but never in that of an input.
func TestInPlaceChain(t *testing.T) {
	s := newSmall(newFake("fake:0", 1))
	s.output("y", apply(t, mix{ID: 1, Inputs: 1, Bytes: 300}, 0, chain(t, s.leaf, 6, mix{Bytes: 1000, InPlace: true})))
	p, state := s.compile(t)
	defer s.close(t, p, state)
	r := p.Report()
	for i, step := range r.Steps[:6] {
		if o := step.Out[0].Offset; o != r.Steps[0].Out[0].Offset || o < 0 {
			t.Errorf("step %d writes at %d", i, o)
		}
	}
	if d := r.Devices[0]; d.Arena != 1024 || d.Unshared != 6*1024 {
		t.Errorf("arena of %d bytes, %d without reuse; want 1024 and 6144", d.Arena, d.Unshared)
	}
	if in := r.Steps[0].In[0]; in.Offset != -1 || in.Writer != -1 {
		t.Errorf("the input is at %d of the arena, written by step %d", in.Offset, in.Writer)
	}
}

// TestInPlaceOnlyWhenUnread: what another step still reads, or what an operation reads twice, is not overwritten.
func TestInPlaceOnlyWhenUnread(t *testing.T) {
	s := newSmall(newFake("fake:0", 1))
	a := apply(t, mix{ID: 1, Inputs: 1, Bytes: 1000}, 0, s.leaf)
	b := apply(t, mix{ID: 2, Inputs: 1, Bytes: 1000, InPlace: true}, 0, a)
	c := apply(t, mix{ID: 3, Inputs: 2, Bytes: 1000, InPlace: true}, 0, b, a)
	twice := apply(t, mix{ID: 4, Inputs: 2, Bytes: 1000, InPlace: true}, 0, c, c)
	s.output("y", apply(t, mix{ID: 5, Inputs: 1, Bytes: 10}, 0, twice))
	p, state := s.compile(t)
	defer s.close(t, p, state)
	offsets := map[string]int64{}
	for i, step := range p.Report().Steps {
		offsets[string(rune('a'+i))] = step.Out[0].Offset
	}
	if offsets["b"] == offsets["a"] || offsets["c"] != offsets["b"] || offsets["d"] == offsets["c"] {
		t.Errorf("offsets %v, want b away from a, c in place of b, d away from c", offsets)
	}
}

// TestInPlaceOnlyWhereItFits: an output that is larger than what was in the memory gets memory of its own.
func TestInPlaceOnlyWhereItFits(t *testing.T) {
	for _, c := range []struct{ first, second, arena int64 }{
		{1000, 1000, 1024}, {1000, 999, 1024}, {1000, 300, 1024}, {999, 1000, 2048}, {300, 1000, 512 + 1024},
	} {
		s := newSmall(newFake("fake:0", 1))
		a := apply(t, mix{ID: 1, Inputs: 1, Bytes: c.first}, 0, s.leaf)
		b := apply(t, mix{ID: 2, Inputs: 1, Bytes: c.second, InPlace: true, Stretch: true}, 0, a)
		s.output("y", apply(t, mix{ID: 3, Inputs: 1, Bytes: 10}, 0, b))
		p, state := s.compile(t)
		if d := p.Report().Devices[0]; d.Arena != c.arena {
			t.Errorf("%d bytes in the place of %d: an arena of %d, want %d", c.second, c.first, d.Arena, c.arena)
		}
		s.close(t, p, state)
	}
}

// TestCompanions: a companion is the second output of its primary's step; one that nothing reads costs nothing.
func TestCompanions(t *testing.T) {
	for _, used := range []bool{true, false} {
		s := newSmall(newFake("fake:0", 1))
		m := mix{ID: 1, Inputs: 1, Bytes: 1000}
		y, z := apply(t, m, 0, s.leaf), apply(t, second{m}, 0, s.leaf)
		s.output("y", apply(t, mix{ID: 2, Inputs: 1, Bytes: 10}, 0, y))
		if used {
			s.output("z", apply(t, mix{ID: 3, Inputs: 1, Bytes: 10}, 0, z))
		}
		p, state := s.compile(t)
		outs := len(p.Report().Steps[0].Out)
		var bytes int64
		for _, o := range p.Report().Steps[0].Out {
			bytes += o.Bytes
		}
		if used && (outs != 2 || bytes != 1501) || !used && (outs != 1 || bytes != 1000) {
			t.Errorf("companion used %v: %d outputs of %d bytes", used, outs, bytes)
		}
		if n := len(p.Report().Steps); used && n != 3 || !used && n != 2 {
			t.Errorf("companion used %v: %d steps", used, n)
		}
		s.close(t, p, state)
	}
}

// TestCompanionOfParameter: a companion's operation may be the first to read a parameter.
func TestCompanionOfParameter(t *testing.T) {
	s := newSmall(newFake("fake:0", 1))
	m := mix{ID: 1, Inputs: 1, Bytes: 100}
	s.output("z", apply(t, second{m}, 0, s.param("w")))
	p, state := s.compile(t)
	defer s.close(t, p, state)
	if err := state.Upload("w", bytesOf(7)); err != nil {
		t.Fatal(err)
	}
	p.Run()
	var got uint64
	if err := p.Download("z", &got); err != nil || got != stampOf(m, 1, []uint64{7}) {
		t.Errorf("stamp %x, %v", got, err)
	}
}

// TestFeed: what is fed comes to every device that reads it, and a transfer of each.
func TestFeed(t *testing.T) {
	s := newSmall(newFake("fake:0", 1))
	m := mix{ID: 1, Inputs: 1, Bytes: 100}
	s.output("z", apply(t, m, 0, s.leaf))
	p, state := s.compile(t)
	defer s.close(t, p, state)
	host := hosted(bytesOf(7))
	_, from := backend.Within[uint8](host, 0, len(host))
	under, err := p.Feed("x", from, make([]backend.Transfer, 1, 2))
	if err != nil || len(under) != 2 {
		t.Fatalf("%d transfers, %v", len(under), err)
	}
	if under, err := p.Feed("no input", from, nil); err != nil || len(under) != 0 {
		t.Errorf("of no input: %d transfers, %v", len(under), err)
	}
	p.Run()
	var got uint64
	if err := p.Download("z", &got); err != nil || got != stampOf(m, 0, []uint64{7}) {
		t.Errorf("stamp %x, %v", got, err)
	}
}

// TestPruning: what no output needs is neither a step, nor an input that must be fed; feeding it is no error.
func TestPruning(t *testing.T) {
	s := newSmall(newFake("fake:0", 1))
	apply(t, mix{ID: 1, Inputs: 1, Bytes: 100}, 0, s.leaf)
	w := s.param("w")
	s.param("unused")
	s.output("y", apply(t, mix{ID: 2, Inputs: 1, Bytes: 100}, 0, w))
	p, state := s.compile(t)
	defer s.close(t, p, state)
	if n := len(p.Report().Steps); n != 1 {
		t.Errorf("%d steps, want 1", n)
	}
	if len(p.Inputs()) != 0 || state.Has("unused") || !state.Has("w") {
		t.Errorf("inputs %v; state has the unused parameter: %v, the used: %v", p.Inputs(), state.Has("unused"),
			state.Has("w"))
	}
	if err := p.Upload("x", bytesOf(1)); err != nil {
		t.Error(err)
	}
	if r := p.Report(); r.Parameters != 1 {
		t.Errorf("%d parameters, want 1", r.Parameters)
	}
}

// nothing is an operation that no fake device has.
type nothing struct{ Of string }

func (n nothing) Name() string                        { return n.Of }
func (nothing) Roles() []op.Role                      { return []op.Role{op.Activation} }
func (n nothing) Infer(in []op.Type) (op.Type, error) { return in[0], nil }

// TestMissingKernels: one error names every operation that a device lacks, for every device.
func TestMissingKernels(t *testing.T) {
	a, b := newFake("fake:0", 1), newFake("fake:1", 2)
	a.lacks["fold"], a.lacks["spin"], b.lacks["mix"] = true, true, true
	s := newSmall(a, b)
	n := apply(t, nothing{"fold"}, 0, apply(t, nothing{"spin"}, 0, apply(t, nothing{"fold"}, 0, s.leaf)))
	s.output("y", apply(t, mix{ID: 1, Inputs: 1, Bytes: 8}, 1, apply(t, op.Send{From: 0}, 1, n)))
	err := s.refused(t)
	if !errors.Is(err, backend.ErrNoKernel) {
		t.Fatalf("%v, want ErrNoKernel", err)
	}
	for _, want := range []string{"fake:0", "fold", "spin", "fake:1", "mix"} {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("%q names %s %d times, want once", err, want, strings.Count(err.Error(), want))
		}
	}
}

// refused gives the error of Compile, after which nothing is allocated.
func (s *small) refused(t *testing.T) error {
	t.Helper()
	var devices []backend.Device
	for _, f := range s.devices {
		devices = append(devices, f)
	}
	state := plan.NewState(devices)
	p, err := plan.Compile(s.spec, state)
	if err == nil {
		t.Fatal("compiled")
	}
	if p != nil {
		t.Error("a plan beside an error")
	}
	if err := state.Close(); err != nil {
		t.Error(err)
	}
	for _, f := range s.devices {
		if f.live != 0 {
			t.Errorf("%s: %d allocations are left", f.name, f.live)
		}
		f.Close()
	}
	return err
}

func TestRefusedGraphs(t *testing.T) {
	cases := []struct {
		name string
		make func(s *small)
		want []string
	}{
		{"an output of another graph", func(s *small) {
			s.output("y", chain(t, op.Leaf(gorgonia.NewGraph(), "x", scalar, false), 1, mix{Bytes: 1}))
		}, []string{"output y"}},
		{"an output that nothing computes", func(s *small) { s.output("y", s.param("w")) }, []string{"w"}},
		{"a leaf that is not declared", func(s *small) {
			s.output("y", chain(t, op.Leaf(s.g, "stray", scalar, false), 1, mix{Bytes: 1}))
		}, []string{"stray", "neither input"}},
		{"a device that there is not", func(s *small) { s.output("y", apply(t, mix{ID: 1, Inputs: 1, Bytes: 1}, 2, s.leaf)) },
			[]string{"device 2 of 2"}},
		{"a value of another device", func(s *small) { s.output("y", apply(t, mix{ID: 1, Inputs: 1, Bytes: 1}, 1, s.leaf)) },
			[]string{"device 1", "device 0", "send"}},
		{"a companion of another device", func(s *small) {
			s.output("y", apply(t, second{mix{ID: 1, Inputs: 1, Bytes: 1}}, 1, s.leaf))
		}, []string{"device 1", "device 0", "send"}},
		{"an operation of gorgonia's", func(s *small) { s.output("y", gorgonia.Must(gorgonia.Tanh(s.leaf))) },
			[]string{"not one of our operations"}},
		{"an update of a parameter that nothing reads", func(s *small) {
			y := chain(t, s.leaf, 1, mix{Bytes: 1})
			s.output("y", y)
			s.param("w")
			s.spec.Updates = append(s.spec.Updates, plan.Update{Op: learn{}, Param: "w", Grad: y})
		}, []string{"update of w"}},
		{"an update without gradient", func(s *small) {
			s.output("y", chain(t, s.param("w"), 1, mix{Bytes: 1}))
			s.spec.Updates = append(s.spec.Updates, plan.Update{Op: learn{}, Param: "w"})
		}, []string{"update of w", "gradient"}},
		{"a gradient on another device", func(s *small) {
			y := apply(t, mix{ID: 1, Inputs: 1, Bytes: 1}, 0, s.param("w"))
			z := apply(t, mix{ID: 2, Inputs: 1, Bytes: 1}, 1, apply(t, op.Send{From: 0}, 1, y))
			s.output("z", z)
			s.spec.Updates = append(s.spec.Updates, plan.Update{Op: learn{}, Param: "w", Grad: z})
		}, []string{"w is on device 0", "gradient on 1"}},
		{"too little memory", func(s *small) {
			s.devices[0].fails = "alloc"
			s.output("y", apply(t, mix{ID: 1, Inputs: 1, Bytes: 8}, 0, chain(t, s.leaf, 1, mix{Bytes: 5000})))
		}, []string{"fake:0", "5120 bytes", "out of memory"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSmall(newFake("fake:0", 1), newFake("fake:1", 2))
			c.make(s)
			err := s.refused(t)
			for _, want := range append(c.want, "plan small") {
				if want != "plan small" && !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has several lines", err)
			}
		})
	}
}

// staging is a fake device that keeps something for every input under way.
type staging struct{ *fake }

func (staging) Staging(l backend.Layout) int64 { return 1000 + l.Bytes() }

// TestStaging: what is kept for inputs under way is counted once for each size, and for nothing but inputs.
func TestStaging(t *testing.T) {
	s := newSmall(newFake("fake:0", 1), newFake("fake:1", 2))
	input := func(name string, device int, typ op.Type) *op.Node {
		in := plan.Input{Name: name, Type: typ, Nodes: make([]*op.Node, 2)}
		in.Nodes[device] = op.Leaf(s.g, name, typ, false)
		s.spec.Inputs = append(s.spec.Inputs, in)
		return in.Nodes[device]
	}
	same, long := input("same", 0, scalar), input("long", 0, op.Floats(1, 5))
	y := apply(t, mix{ID: 1, Inputs: 3, Bytes: 300}, 0, s.leaf, same, long)
	w := op.Leaf(s.g, "w", op.Floats(2, 3), false)
	s.spec.Params = append(s.spec.Params, plan.Param{Name: "w", Node: w})
	s.output("y", apply(t, mix{ID: 2, Inputs: 2, Bytes: 500}, 0, y, w))
	s.output("z", apply(t, mix{ID: 3, Inputs: 2, Bytes: 700}, 1, input("other", 1, op.Floats(1, 7)), apply(t,
		op.Send{From: 0}, 1, y)))
	state := plan.NewState([]backend.Device{staging{s.devices[0]}, s.devices[1]})
	p, err := plan.Compile(s.spec, state)
	if err != nil {
		t.Fatal(err)
	}
	m := p.Report().Devices
	if want := int64(1004 + 1020); m[0].Staging != want || m[1].Staging != 0 {
		t.Errorf("staging of %d and %d bytes, want %d and 0", m[0].Staging, m[1].Staging, want)
	}
	if want := m[0].Arena + m[0].State + m[0].Other + m[0].Staging; m[0].Bytes != want {
		t.Errorf("%d bytes in all, want %d", m[0].Bytes, want)
	}
	s.close(t, p, state)
}

// TestState: a parameter is what the first plan made it, and names that no plan has made are errors.
func TestState(t *testing.T) {
	devices := []backend.Device{newFake("fake:0", 1), newFake("fake:1", 2)}
	state := plan.NewState(devices)
	specOn := func(device int, typ op.Type) plan.Spec {
		g := gorgonia.NewGraph()
		w := op.Leaf(g, "w", typ, false)
		y := apply(t, mix{ID: 1, Inputs: 1, Bytes: 8}, device, w)
		return plan.Spec{Name: "first", Graph: g, Params: []plan.Param{{Name: "w", Node: w}},
			Outputs: []plan.Output{{Name: "y", Node: y}}}
	}
	p, err := plan.Compile(specOn(0, scalar), state)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []plan.Spec{specOn(1, scalar), specOn(0, op.Floats(2, 3))} {
		if _, err := plan.Compile(other, state); err == nil || !strings.Contains(err.Error(), "earlier plan") {
			t.Errorf("another w: %v", err)
		}
	}
	if b := state.Bytes(); !slices.Equal(b, []int64{4, 0}) {
		t.Errorf("state takes %v bytes, want 4 and 0", b)
	}
	var host uint64
	for what, err := range map[string]error{"upload": state.Upload("v", host), "download": state.Download("v", &host),
		"output": p.Download("z", &host)} {
		if err == nil {
			t.Errorf("%s of an unknown name is no error", what)
		}
	}
	for _, err := range []error{p.Close(), p.Close(), state.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, d := range devices {
		d.Close()
	}
}
