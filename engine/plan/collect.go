package plan

import (
	"fmt"
	"strings"

	"gonum.org/v1/gonum/graph"
	"gorgonia.org/gorgonia"

	"duet/engine/backend"
	"duet/engine/op"
)

// value is a tensor of the plan.
type value struct {
	name    string
	typ     op.Type
	device  int
	kept    bool // input, parameter, constant or output: its memory is never another value's
	param   bool // lives in the State
	initial any  // host array of a constant
	writer  *step
	readers []*step
	layout  backend.Layout
	slot    *slot          // of a value in the arena
	buffer  backend.Buffer // once memory is allocated
}

// step is one command that computes or copies.
type step struct {
	index     int // in the order of the plan
	place     op.Place
	op        op.Op
	companion op.Op
	in, out   []*value
	update    bool    // out are in[0] and in[1], in place
	after     []*step // that must come first beside the writers of in
	kernel    backend.Kernel
	scratch   *slot
	waits     []*step // on other devices, that must be done first
	signals   bool    // another device waits for this step
	position  int     // among its device's steps
}

func (s *step) copies() bool { _, is := s.op.(op.Send); return is }

func (s *step) name() string { return s.place.Layer + "." + s.op.Name() }

// collector turns a graph's nodes into values and steps.
type collector struct {
	spec    Spec
	devices int
	values  map[*op.Node]*value
	params  map[string]*value
	rates   []*value // by device
	peaks   []*value
	steps   []*step // in an order that respects the graph
	all     []*value
}

// collect makes values and steps of everything that outputs and updates need.
func collect(spec Spec, devices int) (*collector, error) {
	c := &collector{spec: spec, devices: devices, values: map[*op.Node]*value{}, params: map[string]*value{}, rates: make([]*value, devices)}
	nodes, err := needed(spec)
	if err != nil {
		return nil, err
	}
	if err := c.leaves(nodes); err != nil {
		return nil, err
	}
	made := map[any]*step{}
	for _, n := range nodes {
		if err := c.node(n, made); err != nil {
			return nil, err
		}
	}
	for _, s := range c.steps {
		for _, v := range s.in {
			v.readers = append(v.readers, s)
		}
	}
	for _, o := range spec.Outputs {
		c.values[o.Node].kept = true
	}
	return c, c.updates()
}

// needed lists the nodes that the outputs and gradients need, children first. The updates' gradients are needed too.
func needed(spec Spec) ([]*op.Node, error) {
	sorted, err := gorgonia.Sort(spec.Graph) // root first
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", spec.Name, err)
	}
	need := map[*op.Node]bool{}
	for _, o := range spec.Outputs {
		need[o.Node] = true
	}
	for _, u := range spec.Updates {
		need[u.Grad] = true
	}
	var nodes []*op.Node
	for _, n := range sorted {
		if !need[n] {
			continue
		}
		nodes = append(nodes, n)
		for _, c := range children(spec.Graph, n) {
			need[c] = true
		}
	}
	for i, j := 0, len(nodes)-1; i < j; i, j = i+1, j-1 {
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	return nodes, nil
}

// children are the inputs of a node in order, duplicates kept.
func children(g *gorgonia.ExprGraph, n *op.Node) []*op.Node {
	var out []*op.Node
	for _, c := range graph.NodesOf(g.From(n.ID())) {
		out = append(out, c.(*op.Node))
	}
	return out
}

func (c *collector) add(v *value) *value {
	c.all = append(c.all, v)
	return v
}

// leaves makes the values of inputs, parameters and constants.
func (c *collector) leaves(nodes []*op.Node) error {
	names := map[*op.Node]*value{}
	for _, in := range c.spec.Inputs {
		for d, n := range in.Nodes {
			if n != nil {
				names[n] = &value{name: in.Name, typ: in.Type, device: d, kept: true}
			}
		}
	}
	for _, p := range c.spec.Params {
		t, err := op.TypeOf(p.Node)
		if err != nil {
			return fmt.Errorf("plan %s: parameter %s: %w", c.spec.Name, p.Name, err)
		}
		names[p.Node] = &value{name: p.Name, typ: t, device: -1, kept: true, param: true}
	}
	for _, n := range nodes {
		if n.Op() != nil && len(children(c.spec.Graph, n)) > 0 {
			continue
		}
		v := names[n]
		if v == nil {
			data, err := constant(n)
			if err != nil {
				return fmt.Errorf("plan %s: %w", c.spec.Name, err)
			}
			v = &value{name: n.Name(), typ: op.Floats(), device: -1, kept: true, initial: data}
		}
		c.values[n] = c.add(v)
		if v.param {
			c.params[v.name] = v
		}
	}
	return nil
}

// constant is the host array of a scalar that gorgonia put into the graph, such as the gradient 1 of the loss.
func constant(n *op.Node) (any, error) {
	switch x := n.Value().(type) {
	case *gorgonia.F32:
		return []float32{float32(*x)}, nil
	case *gorgonia.F64:
		return []float64{float64(*x)}, nil
	}
	return nil, fmt.Errorf("%s is neither input, parameter nor scalar constant", n.Name())
}

// node makes the step and the value of an operation.
func (c *collector) node(n *op.Node, made map[any]*step) error {
	if c.values[n] != nil {
		return nil
	}
	s := &step{}
	kids := children(c.spec.Graph, n)
	for _, k := range kids {
		s.in = append(s.in, c.values[k])
	}
	t, err := op.TypeOf(n)
	if err != nil {
		return fmt.Errorf("plan %s: %w", c.spec.Name, err)
	}
	switch a := n.Op().(type) {
	case *op.Applied:
		if _, is := a.Op.(op.Companion); is {
			c.companion(n, a, made)
			return nil
		}
		if primary := made[identity(a.Op, a.Place.Device, kids)]; primary != nil { // made for its companion
			c.values[n] = primary.out[0]
			return nil
		}
		s.op, s.place, t = a.Op, a.Place, a.Out()
	default: // gorgonia's own addition, where the gradients of several uses meet
		if !strings.HasPrefix(a.String(), "+ ") || len(s.in) != 2 {
			return fmt.Errorf("plan %s: %v is not one of our operations", c.spec.Name, n.Op())
		}
		s.op, s.place = op.Add{}, op.Place{Device: s.in[0].device, Layer: "add"}
		if w := s.in[0].writer; w != nil {
			s.place.Layer = w.place.Layer
		}
	}
	if s.place.Device < 0 || s.place.Device >= c.devices {
		return fmt.Errorf("plan %s: %s is on device %d of %d", c.spec.Name, s.name(), s.place.Device, c.devices)
	}
	for i, v := range s.in {
		if err := c.settle(s, i, v); err != nil {
			return err
		}
	}
	out := c.add(&value{name: s.name(), typ: t, device: s.place.Device, writer: s})
	s.out = []*value{out}
	c.values[n] = out
	c.steps = append(c.steps, s)
	if a, ok := n.Op().(*op.Applied); ok {
		made[identity(a.Op, a.Place.Device, kids)] = s
	}
	return nil
}

// settle puts a leaf on the device of its reader, and checks that every other input is there already.
func (c *collector) settle(s *step, i int, v *value) error {
	device := s.place.Device
	if send, ok := s.op.(op.Send); ok {
		device = send.From
	}
	if v.device < 0 {
		v.device = device
	}
	if v.device != device {
		return fmt.Errorf("plan %s: %s on device %d reads %s on device %d; want a send between", c.spec.Name, s.name(), s.place.Device, v.name, v.device)
	}
	return nil
}

func identity(o op.Op, device int, in []*op.Node) any {
	type key struct {
		op     op.Op
		device int
		in     string
	}
	var ids strings.Builder
	for _, n := range in {
		fmt.Fprintf(&ids, "%d,", n.ID())
	}
	return key{o, device, ids.String()}
}

// companion adds a second output to the step of the primary, which is made if it is not there yet.
func (c *collector) companion(n *op.Node, a *op.Applied, made map[any]*step) {
	primary := a.Op.(op.Companion).Primary()
	kids := children(c.spec.Graph, n)
	key := identity(primary, a.Place.Device, kids)
	s := made[key]
	if s == nil {
		s = &step{op: primary, place: a.Place}
		for _, k := range kids {
			s.in = append(s.in, c.values[k])
		}
		t, err := primary.Infer(a.In())
		if err != nil {
			panic(fmt.Sprintf("plan: the primary of %v refuses its inputs: %v", a, err))
		}
		s.out = []*value{c.add(&value{name: s.name(), typ: t, device: a.Place.Device, writer: s})}
		c.steps = append(c.steps, s)
		made[key] = s
	}
	s.companion = a.Op
	v := c.add(&value{name: a.Place.Layer + "." + a.Name(), typ: a.Out(), device: a.Place.Device, writer: s})
	s.out = append(s.out, v)
	c.values[n] = v
}
