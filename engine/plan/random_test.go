package plan_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gorgonia.org/gorgonia"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/engine/plan"
)

// A random graph of mixes on two or three devices, and what it is worth according to its description alone.
type random struct {
	devices []*fake
	spec    plan.Spec
	values  []*vertex
	outputs []*vertex
	params  []*parameter
	inputs  []*vertex
}

// vertex is a value of the graph on its device.
type vertex struct {
	node   *op.Node
	device int
	op     mix
	in     []*vertex
	output int // of op: 1 is the companion's
	leaf   bool
	stamp  uint64 // in the present run; of leaves always
	valid  bool
}

// parameter has one leaf on its home device.
type parameter struct {
	name     string
	vertex   *vertex
	velocity uint64
	grad     *vertex // nil: not updated
}

var scalar = op.Floats(1, 1)

// newRandom draws a graph.
func newRandom(t testing.TB, r *rand.Rand) *random {
	t.Helper()
	g := gorgonia.NewGraph()
	x := &random{spec: plan.Spec{Name: "random", Graph: g}}
	for d := range 2 + r.IntN(2) {
		x.devices = append(x.devices, newFake(fmt.Sprintf("fake:%d", d), r.Uint64()))
	}
	for i := range 1 + r.IntN(2) { // inputs, each on some devices
		in := plan.Input{Name: fmt.Sprintf("input%d", i), Type: scalar, Nodes: make([]*op.Node, len(x.devices))}
		for d := range x.devices {
			if d == 0 || r.IntN(2) == 0 {
				in.Nodes[d] = op.Leaf(g, fmt.Sprintf("input%d/%d", i, d), scalar, false)
				v := &vertex{node: in.Nodes[d], device: d, leaf: true, output: i}
				x.values, x.inputs = append(x.values, v), append(x.inputs, v)
			}
		}
		x.spec.Inputs = append(x.spec.Inputs, in)
	}
	for i := range 1 + r.IntN(4) {
		name := fmt.Sprintf("weight%d", i)
		v := &vertex{node: op.Leaf(g, name, scalar, false), device: r.IntN(len(x.devices)), leaf: true}
		x.values, x.params = append(x.values, v), append(x.params, &parameter{name: name, vertex: v})
		x.spec.Params = append(x.spec.Params, plan.Param{Name: name, Node: v.node})
	}
	sizes := []int64{40, 300, 300, 700, 1500}
	for id := range 5 + r.IntN(40) {
		x.addMix(t, r, id, sizes[r.IntN(len(sizes))])
	}
	for i := range 1 + r.IntN(4) {
		v := x.values[len(x.values)-1-r.IntN(5)]
		if v.leaf {
			continue
		}
		x.outputs = append(x.outputs, v)
		x.spec.Outputs = append(x.spec.Outputs, plan.Output{Name: fmt.Sprintf("output%d", i), Node: v.node})
	}
	x.addUpdates(r)
	return x
}

// addMix applies an operation, sometimes with its companion, to values that are sent to its device where necessary.
func (x *random) addMix(t testing.TB, r *rand.Rand, id int, bytes int64) {
	t.Helper()
	d := r.IntN(len(x.devices))
	m := mix{ID: id, Inputs: 1 + r.IntN(3), Bytes: bytes, InPlace: r.IntN(2) == 0}
	if r.IntN(3) == 0 {
		m.Scratch = []int64{1, 400, 900}[r.IntN(3)]
	}
	v := &vertex{device: d, op: m}
	var nodes []*op.Node
	for range m.Inputs {
		from := x.values[len(x.values)-1-r.IntN(min(len(x.values), 12))] // short lives, so that memory is used again
		n := from.node
		if from.device != d {
			n = apply(t, op.Send{From: from.device}, d, n)
		}
		v.in, nodes = append(v.in, from), append(nodes, n)
	}
	v.node = apply(t, m, d, nodes...)
	if r.IntN(4) == 0 {
		w := *v
		w.output, w.node = 1, apply(t, second{m}, d, nodes...)
		x.values = append(x.values, &w)
	}
	if r.IntN(8) > 0 { // else only the companion can be used
		x.values = append(x.values, v)
	}
}

func apply(t testing.TB, o op.Op, device int, in ...*op.Node) *op.Node {
	t.Helper()
	n, err := op.Apply(o, op.Place{Device: device, Layer: "layer"}, in...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// addUpdates changes some parameters that an output depends on, by any computed value of their device.
func (x *random) addUpdates(r *rand.Rand) {
	needed := map[*vertex]bool{}
	var need func(v *vertex)
	need = func(v *vertex) {
		needed[v] = true
		for _, in := range v.in {
			need(in)
		}
	}
	for _, o := range x.outputs {
		need(o)
	}
	for _, p := range x.params {
		for _, v := range x.values {
			if needed[p.vertex] && needed[v] && !v.leaf && v.device == p.vertex.device && r.IntN(3) == 0 {
				p.grad = v
				x.spec.Updates = append(x.spec.Updates, plan.Update{Op: learn{}, Param: p.name, Grad: v.node})
				break
			}
		}
	}
}

// stampFor is a vertex's stamp in a run.
func (x *random) stampFor(v *vertex) uint64 {
	if v.leaf || v.valid {
		return v.stamp
	}
	var in []uint64
	for _, i := range v.in {
		in = append(in, x.stampFor(i))
	}
	v.stamp, v.valid = stampOf(v.op, v.output, in), true
	return v.stamp
}

// expect gives the stamps of the outputs after a run with new inputs, and does the updates.
func (x *random) expect(run int) []uint64 {
	for _, v := range x.values {
		v.valid = false
	}
	for _, v := range x.inputs {
		v.stamp = inputStamp(v.output, run)
	}
	var out []uint64
	for _, o := range x.outputs {
		out = append(out, x.stampFor(o))
	}
	after := map[*parameter][2]uint64{}
	for _, p := range x.params {
		if p.grad != nil {
			in := []uint64{p.vertex.stamp, p.velocity, x.stampFor(p.grad), rateStamp(run)}
			after[p] = [2]uint64{stampOf(learn{}, 0, in), stampOf(learn{}, 1, in)}
		}
	}
	for p, s := range after {
		p.vertex.stamp, p.velocity = s[0], s[1]
	}
	return out
}

func inputStamp(input, run int) uint64 { return uint64(1000*run + input + 1) }
func rateStamp(run int) uint64         { return uint64(1e6 + run) }

// start gives the parameters their first values.
func (x *random) start(t testing.TB, s *plan.State) {
	t.Helper()
	for i, p := range x.params {
		p.vertex.stamp, p.velocity = uint64(7e6+i), 0
		if s.Has(p.name) {
			if err := s.Upload(p.name, bytesOf(p.vertex.stamp)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// feed uploads the inputs of a run.
func (x *random) feed(t testing.TB, p *plan.Plan, run int) {
	t.Helper()
	for i := range x.spec.Inputs {
		if err := p.Upload(x.spec.Inputs[i].Name, bytesOf(inputStamp(i, run))); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Upload(plan.Rate, bytesOf(rateStamp(run))); err != nil {
		t.Fatal(err)
	}
}

func (x *random) compile(t testing.TB) (*plan.Plan, *plan.State) {
	t.Helper()
	var devices []backend.Device
	for _, f := range x.devices {
		devices = append(devices, f)
	}
	state := plan.NewState(devices)
	p, err := plan.Compile(x.spec, state)
	if err != nil {
		t.Fatal(err)
	}
	return p, state
}

func (x *random) close(t testing.TB, p *plan.Plan, s *plan.State) {
	t.Helper()
	for _, err := range []error{p.Sync(), p.Close(), s.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, f := range x.devices {
		if f.live != 0 {
			t.Errorf("%s: %d allocations are left", f.name, f.live)
		}
		f.Close()
	}
}

// eachRandom compiles many random graphs that have outputs.
func eachRandom(t *testing.T, count int, f func(t *testing.T, x *random, p *plan.Plan, s *plan.State)) {
	for seed := range uint64(count) {
		x := newRandom(t, rand.New(rand.NewPCG(seed, 2)))
		if len(x.outputs) == 0 {
			for _, d := range x.devices {
				d.Close()
			}
			continue
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p, s := x.compile(t)
			defer x.close(t, p, s)
			f(t, x, p, s)
		})
	}
}

// TestMemoryIsReported: what a report says of a device's memory is what was allocated there.
func TestMemoryIsReported(t *testing.T) {
	eachRandom(t, 30, func(t *testing.T, x *random, p *plan.Plan, s *plan.State) {
		state := s.Bytes()
		for d, m := range p.Report().Devices {
			if f := x.devices[d]; m.Bytes-m.Staging != f.bytes || m.State != state[d] ||
				m.Bytes != m.Arena+m.Other+m.State+m.Staging {
				t.Errorf("%s: %+v, and %d bytes were allocated, of which %d are the state's", f.name, m, f.bytes, state[d])
			}
		}
	})
}

// TestNothingIsReadTooEarlyOrTooLate runs random graphs on devices that pause at random, several runs without a pause
// between them, and compares what comes out with what the graph says.
func TestNothingIsReadTooEarlyOrTooLate(t *testing.T) {
	eachRandom(t, 150, func(t *testing.T, x *random, p *plan.Plan, s *plan.State) {
		x.start(t, s)
		run := 0
		for _, together := range []int{1, 3, 2} {
			var want []uint64
			for range together {
				x.feed(t, p, run)
				p.Run()
				want = x.expect(run)
				run++
			}
			for i, o := range x.spec.Outputs {
				var got uint64
				if err := p.Download(o.Name, &got); err != nil {
					t.Fatal(err)
				}
				if got != want[i] {
					t.Fatalf("run %d: %s has stamp %x, want %x", run, o.Name, got, want[i])
				}
			}
			if err := p.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		for _, param := range x.params {
			if !s.Has(param.name) {
				continue
			}
			var got uint64
			if err := s.Download(param.name, &got); err != nil || got != param.vertex.stamp {
				t.Errorf("%s has stamp %x (%v), want %x", param.name, got, err, param.vertex.stamp)
			}
		}
	})
}
