package plan

import (
	"errors"
	"fmt"
	"time"

	"duet/engine/backend"
	"duet/engine/op"
)

// Plan is a compiled graph.
type Plan struct {
	Name     string
	state    *State
	steps    []*step
	loose    []*step  // copies that their devices do not wait for before a run's end
	values   []*value // inputs, outputs and constants among them own buffers
	inputs   map[string][]*value
	outputs  map[string]*value
	arenas   []backend.Buffer // one a device
	owned    []owned
	programs []program
	profiled []program
}

// owned is memory that Close frees.
type owned struct {
	device int
	memory backend.Memory
}

// Compile makes a plan. Its parameters live in the state, which must outlive it.
func Compile(spec Spec, state *State) (*Plan, error) {
	c, err := collect(spec, len(state.Devices))
	if err != nil {
		return nil, err
	}
	c.fuse(state.Devices)
	p := &Plan{Name: spec.Name, state: state, values: c.all, inputs: map[string][]*value{}, outputs: map[string]*value{}}
	if p.steps, err = order(spec.Name, c.steps, state.Devices); err != nil {
		return nil, err
	}
	var leaves []*value
	for _, v := range c.all {
		if v.writer == nil {
			leaves = append(leaves, v)
			if !v.param && v.initial == nil {
				p.inputs[v.name] = append(p.inputs[v.name], v)
			}
		}
	}
	for _, o := range spec.Outputs {
		p.outputs[o.Name] = c.values[o.Node]
	}
	for _, v := range c.peaks {
		p.outputs[v.name] = v
	}
	if err := p.prepare(leaves, spec.Prepared); err != nil {
		return nil, err
	}
	if err := p.allocate(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if p.programs, err = p.load(backend.LoadOptions{}); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// allocate plans the arenas, finds the waits, and reserves memory.
func (p *Plan) allocate() error {
	all := slots(p.steps)
	for d, device := range p.state.Devices {
		var own []*slot
		for _, s := range all {
			if s.device == d {
				own = append(own, s)
			}
		}
		arena, err := p.reserve(d, device.Name()+" arena of plan "+p.Name, max(arrange(own), backend.Alignment))
		if err != nil {
			return err
		}
		p.arenas = append(p.arenas, arena)
	}
	p.loose = waits(p.steps, all, len(p.state.Devices))
	for _, v := range p.values {
		switch {
		case v.param:
		case v.slot != nil:
			v.buffer = p.within(v.slot, v.layout.Bytes())
		default:
			var err error
			if v.buffer, err = p.reserve(v.device, v.name, max(v.layout.Bytes(), 1)); err != nil {
				return err
			}
		}
		if v.initial != nil {
			if err := backend.Write(p.state.Devices[v.device], v.buffer, v.layout, v.initial); err != nil {
				return fmt.Errorf("constant %s: %w", v.name, err)
			}
		}
	}
	return nil
}

func (p *Plan) within(s *slot, bytes int64) backend.Buffer {
	return backend.Buffer{Memory: p.arenas[s.device].Memory, Offset: s.offset, Bytes: bytes}
}

func (p *Plan) reserve(device int, what string, bytes int64) (backend.Buffer, error) {
	b, err := reserve(p.state.Devices[device], what, bytes)
	if err == nil {
		p.owned = append(p.owned, owned{device, b.Memory})
	}
	return b, err
}

// Inputs are the types of the inputs that must be uploaded before a run, by name.
func (p *Plan) Inputs() map[string]op.Type {
	types := map[string]op.Type{}
	for name, vs := range p.inputs {
		types[name] = vs[0].typ
	}
	return types
}

// Upload sets an input to a row-major host array on every device that reads it, and waits until the array may be
// reused. An input that the plan does not need is ignored, as pruning may have removed it.
func (p *Plan) Upload(name string, host any) error {
	for _, v := range p.inputs[name] {
		if err := backend.Write(p.state.Devices[v.device], v.buffer, v.layout, host); err != nil {
			return fmt.Errorf("plan %s: upload %s %v: %w", p.Name, name, v.typ, err)
		}
	}
	return nil
}

// Feed is an Upload from host memory that neither waits nor allocates. The transfers, after whose Waits the memory may
// be filled again, are appended to under.
func (p *Plan) Feed(name string, from backend.Array, under []backend.Transfer) ([]backend.Transfer, error) {
	for _, v := range p.inputs[name] {
		t, err := p.state.Devices[v.device].Upload(v.buffer, v.layout, from)
		if err != nil {
			return under, fmt.Errorf("plan %s: upload %s %v: %w", p.Name, name, v.typ, err)
		}
		under = append(under, t)
	}
	return under, nil
}

// Run starts one run on all devices and returns at once. Errors come out of Sync or Download. It does not allocate.
func (p *Plan) Run() {
	for _, prog := range p.programs {
		prog.Start()
	}
}

// Sync waits for everything started on all devices and returns their errors: the one that failed first tells the cause,
// the others that they waited for it.
func (p *Plan) Sync() error {
	var errs []error
	for _, d := range p.state.Devices {
		if err := d.Sync(); err != nil {
			errs = append(errs, fmt.Errorf("plan %s: %s: %w", p.Name, d.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// Download waits for the run and copies an output to a row-major host array.
func (p *Plan) Download(name string, host any) error {
	v := p.outputs[name]
	if v == nil {
		return fmt.Errorf("plan %s: no output %s", p.Name, name)
	}
	if err := p.state.Devices[v.device].Download(host, v.buffer, v.layout); err != nil {
		return fmt.Errorf("plan %s: download %s %v: %w", p.Name, name, v.typ, err)
	}
	return nil
}

// Layout is how an output lies, for a plan that takes it as an input; nil where there is no such output.
func (p *Plan) Layout(output string) backend.Layout {
	if v := p.outputs[output]; v != nil {
		return v.layout
	}
	return nil
}

// Profile does one run and tells how long each step took, in the order of Steps, and, by device, how long it waited for
// others and for copies from them.
func (p *Plan) Profile() (times, waited []time.Duration, err error) {
	if p.profiled == nil {
		if p.profiled, err = p.load(backend.LoadOptions{Profile: true}); err != nil {
			return nil, nil, err
		}
	}
	for _, prog := range p.profiled {
		prog.Start()
	}
	if err := p.Sync(); err != nil {
		return nil, nil, err
	}
	times, waited = make([]time.Duration, len(p.steps)), make([]time.Duration, len(p.profiled))
	for d, prog := range p.profiled {
		for i, t := range prog.Times() {
			if s := prog.steps[i]; s != nil {
				times[s.index] = t
			} else if prog.waits[i] {
				waited[d] += t
			}
		}
	}
	return times, waited, nil
}

// Bytes is the memory that the plan owns on all devices together; the State's is not part of it.
func (p *Plan) Bytes() (bytes int64) {
	for _, o := range p.owned {
		bytes += o.memory.Bytes()
	}
	for d := range p.state.Devices {
		bytes += p.kept(d)
	}
	return bytes
}

// Close frees what the plan owns. Nothing may be running.
func (p *Plan) Close() error {
	var errs []error
	for _, prog := range append(p.programs, p.profiled...) {
		errs = append(errs, prog.Close())
	}
	for _, o := range p.owned {
		errs = append(errs, p.state.Devices[o.device].Free(o.memory))
	}
	p.programs, p.profiled, p.owned = nil, nil, nil
	return errors.Join(errs...)
}
