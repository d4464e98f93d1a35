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
	update    bool    // out are inputs, in place
	after     []*step // that must come first beside the writers of in
	kernel    backend.Kernel
	scratch   *slot
	queue     int     // that it is done in: its device's number, or, of a copy, that behind all devices'
	waits     []*step // of other queues, that must be done first
	signals   bool    // another queue waits for this step
	begin     bool    // it copies a leaf, of a device that must have begun the run: uploads before it are done
	position  int     // among its queue's steps, from 1; the begin of the run is 0
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
	c := &collector{spec: spec, devices: devices, values: map[*op.Node]*value{}, params: map[string]*value{},
		rates: make([]*value, devices)}
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
		v := c.values[o.Node]
		if v == nil {
			return nil, fmt.Errorf("plan %s: output %s is not in the graph", spec.Name, o.Name)
		}
		v.kept = true
	}
	for _, v := range c.all {
		if v.device < 0 {
			return nil, fmt.Errorf("plan %s: %s is on no device, as no step reads it", spec.Name, v.name)
		}
	}
	return c, c.updates()
}

// needed lists the nodes that the outputs and gradients need, children first. The updates' gradients are needed too.
func needed(spec Spec) ([]*op.Node, error) {
	sorted, err := gorgonia.Sort(spec.Graph) // root first
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", spec.Name, err)
	}
	need, given := map[*op.Node]bool{}, map[*op.Node]bool{}
	for _, in := range spec.Inputs {
		for _, n := range in.Nodes {
			given[n] = true
		}
	}
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
		if given[n] {
			continue
		}
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
				names[n] = &value{name: in.Name, typ: in.Type, device: d, kept: true, layout: in.Layout}
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
		v := names[n]
		if v == nil && n.Op() != nil && len(children(c.spec.Graph, n)) > 0 {
			continue
		}
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

// node makes the value of an operation, and the step that writes it unless that is there already.
func (c *collector) node(n *op.Node, made map[any]*step) error {
	if c.values[n] != nil {
		return nil
	}
	kids := children(c.spec.Graph, n)
	var o op.Op
	var place op.Place
	switch a := n.Op().(type) {
	case *op.Applied:
		o, place = a.Op, a.Place
	default: // gorgonia's own addition, where the gradients of several uses meet
		if !strings.HasPrefix(a.String(), "+ ") || len(kids) != 2 {
			return fmt.Errorf("plan %s: %v is not one of our operations", c.spec.Name, n.Op())
		}
		first := c.values[kids[0]]
		o, place = op.Add{}, op.Place{Device: first.device, Layer: "add"}
		if first.writer != nil {
			place.Layer = first.writer.place.Layer
		}
	}
	companion, is := o.(op.Companion)
	if is {
		o = companion.Primary()
	}
	s, err := c.step(o, place, kids, made)
	if err != nil {
		return fmt.Errorf("plan %s: %w", c.spec.Name, err)
	}
	if c.values[n] = s.out[0]; is {
		c.values[n], err = c.companion(s, companion)
	}
	return err
}

// step finds or makes the step of an operation, which may have been made for its companion, and its first output.
func (c *collector) step(o op.Op, place op.Place, kids []*op.Node, made map[any]*step) (*step, error) {
	key := identity(o, place.Device, kids)
	if s := made[key]; s != nil {
		return s, nil
	}
	s := &step{op: o, place: place}
	if place.Device < 0 || place.Device >= c.devices {
		return nil, fmt.Errorf("%s is on device %d of %d", s.name(), place.Device, c.devices)
	}
	for _, k := range kids {
		v := c.values[k]
		if err := settle(s, v); err != nil {
			return nil, err
		}
		s.in = append(s.in, v)
	}
	t, err := o.Infer(types(s.in))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name(), err)
	}
	s.out = []*value{c.add(&value{name: s.name(), typ: t, device: place.Device, writer: s})}
	c.steps = append(c.steps, s)
	made[key] = s
	return s, nil
}

// companion adds a second output to the step of the primary.
func (c *collector) companion(s *step, o op.Companion) (*value, error) {
	if s.companion != nil {
		return nil, fmt.Errorf("plan %s: %s has two companions, %s and %s", c.spec.Name, s.name(), s.companion.Name(),
			o.Name())
	}
	t, err := o.Infer(types(s.in))
	if err != nil {
		return nil, fmt.Errorf("plan %s: %s.%s: %w", c.spec.Name, s.place.Layer, o.Name(), err)
	}
	v := c.add(&value{name: s.place.Layer + "." + o.Name(), typ: t, device: s.place.Device, writer: s})
	s.companion, s.out = o, append(s.out, v)
	return v, nil
}

// settle puts a leaf on the device of its reader, and checks that every other input is there already.
func settle(s *step, v *value) error {
	device := s.place.Device
	if send, ok := s.op.(op.Send); ok {
		device = send.From
	}
	if v.device < 0 {
		v.device = device
	}
	if v.device != device {
		return fmt.Errorf("%s on device %d reads %s on device %d; want a send between", s.name(), s.place.Device, v.name,
			v.device)
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
