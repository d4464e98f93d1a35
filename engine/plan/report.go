package plan

import (
	"strings"

	"duet/engine/backend"
	"duet/engine/op"
)

// Report is a plan for people and for other programs.
type Report struct {
	Name       string     `json:"name"`
	Parameters int        `json:"parameters"` // learned numbers
	Steps      []Step     `json:"steps"`
	Devices    []Memory   `json:"devices"`
	Exchanges  []Exchange `json:"exchanges"`
}

// Copy is the kernel of a step that copies between devices.
const Copy = "copy"

// Step is one step of a plan.
type Step struct {
	Index    int      `json:"index"`
	Device   string   `json:"device"`
	Layer    string   `json:"layer"`
	Op       string   `json:"op"`
	Kernel   string   `json:"kernel"` // the implementation, or Copy; empty in an Outline
	In       []Tensor `json:"in"`
	Out      []Tensor `json:"out"`
	FLOPs    float64  `json:"flops"`
	Moved    Moved    `json:"moved"`           // what it must read and write
	Waits    []int    `json:"waits,omitempty"` // steps of other devices, and copies of its own, that come first
	Update   bool     `json:"update,omitempty"`
	Backward bool     `json:"backward,omitempty"` // it comes after the loss: gradients
}

// Tensor is an input or output of a step.
type Tensor struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Layout string `json:"layout"`
	Bytes  int64  `json:"bytes"`
	Offset int64  `json:"offset"` // in the device's arena; -1 outside of it
	Writer int    `json:"writer"` // the step that writes it; -1 of inputs, parameters and constants
}

// Memory is what a plan and its state take on a device.
type Memory struct {
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`                // all of it
	Arena    int64  `json:"arena_bytes"`          // reused from step to step
	State    int64  `json:"state_bytes"`          // parameters and velocities
	Other    int64  `json:"other_bytes"`          // inputs, outputs, constants, and what programs keep
	Staging  int64  `json:"staging_bytes"`        // of the backend, for inputs under way
	Unshared int64  `json:"unshared_arena_bytes"` // what the arena would be without reuse
}

// Exchange is what crosses between devices in one run because of a layer.
type Exchange struct {
	Layer    string `json:"layer"`
	Forward  int64  `json:"forward_bytes"`
	Backward int64  `json:"backward_bytes"`
}

// Report describes the plan.
func (p *Plan) Report() Report {
	r := Report{Name: p.Name, Exchanges: []Exchange{}}
	for _, v := range p.values {
		if v.param && !strings.HasPrefix(v.name, Momentum("")) && !strings.HasPrefix(v.name, Average("")) {
			r.Parameters += v.typ.Len()
		}
	}
	layers := map[string]int{}
	backward := backward(p.steps)
	for _, s := range p.steps {
		step := s.describe(p.state.Devices[s.place.Device].Name())
		step.Backward = backward[s]
		r.Steps = append(r.Steps, step)
		send, ok := s.op.(op.Send)
		if !ok {
			continue
		}
		i, seen := layers[s.place.Layer]
		if !seen {
			i = len(r.Exchanges)
			layers[s.place.Layer] = i
			r.Exchanges = append(r.Exchanges, Exchange{Layer: s.place.Layer})
		}
		if bytes := s.out[0].layout.Bytes(); send.Backward {
			r.Exchanges[i].Backward += bytes
		} else {
			r.Exchanges[i].Forward += bytes
		}
	}
	r.Devices = p.memory()
	return r
}

// backward are the steps that depend on the gradient 1 of the loss, the only constant of a graph.
func backward(steps []*step) map[*step]bool {
	is := map[*step]bool{}
	for _, s := range steps {
		for _, v := range s.in {
			if !s.update && (v.initial != nil || v.writer != nil && is[v.writer]) {
				is[s] = true
			}
		}
	}
	return is
}

func (p *Plan) memory() []Memory {
	state := p.state.Bytes()
	var all []Memory
	for d, device := range p.state.Devices {
		m := Memory{Name: device.Name(), Arena: p.arenas[d].Bytes, State: state[d]}
		for _, o := range p.owned {
			if o.device == d {
				m.Bytes += o.memory.Bytes()
			}
		}
		m.Bytes += p.kept(d)
		m.Other = m.Bytes - m.Arena
		m.Staging = p.staging(d)
		m.Bytes += m.State + m.Staging
		for _, v := range p.values {
			if v.slot != nil && v.device == d {
				m.Unshared += align(v.layout.Bytes())
			}
		}
		all = append(all, m)
	}
	return all
}

// kept is what a device's program keeps of its memory.
func (p *Plan) kept(d int) int64 {
	if d >= len(p.programs) {
		return 0
	}
	if keeper, is := p.programs[d].Program.(backend.Keeper); is {
		return keeper.Bytes()
	}
	return 0
}

// staging is what a device keeps beside the buffers of its inputs while they are under way; inputs of one size take
// turns.
func (p *Plan) staging(d int) (bytes int64) {
	stager, ok := p.state.Devices[d].(backend.Stager)
	if !ok {
		return 0
	}
	sizes := map[int64]bool{}
	for _, v := range p.values {
		if size := v.layout.Bytes(); v.writer == nil && v.device == d && !v.param && v.initial == nil && !sizes[size] {
			sizes[size] = true
			bytes += stager.Staging(v.layout)
		}
	}
	return bytes
}

func (s *step) describe(device string) Step {
	out := Step{Index: s.index, Device: device, Layer: s.place.Layer, Op: s.op.Name(), In: tensors(s.in),
		Out: tensors(s.out), Moved: s.moved(), Update: s.update}
	if s.copies() {
		out.Kernel = Copy
	} else {
		out.FLOPs = op.FLOPs(s.op, types(s.in), s.out[0].typ)
	}
	if s.kernel != nil {
		out.Kernel = s.kernel.String()
	}
	for _, w := range s.waits {
		out.Waits = append(out.Waits, w.index)
	}
	return out
}

func tensors(vs []*value) []Tensor {
	var ts []Tensor
	for _, v := range vs {
		t := Tensor{Name: v.name, Type: v.typ.String(), Offset: -1, Writer: -1}
		if v.layout != nil {
			t.Layout, t.Bytes = v.layout.String(), v.layout.Bytes()
		}
		if v.slot != nil {
			t.Offset = v.slot.offset
		}
		if v.writer != nil {
			t.Writer = v.writer.index
		}
		ts = append(ts, t)
	}
	return ts
}
