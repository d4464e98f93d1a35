package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"duet/engine/backend"
	"duet/engine/op"
)

// missing lists, in one error, every operation that a device has no kernel for.
func missing(name string, steps []*step, devices []backend.Device) error {
	lacking := map[string][]string{} // device -> operations
	for _, s := range steps {
		d := devices[s.place.Device]
		if o := s.op.Name(); !s.copies() && !d.Has(o) && !slices.Contains(lacking[d.Name()], o) {
			lacking[d.Name()] = append(lacking[d.Name()], o)
		}
	}
	var errs []error
	for _, d := range devices {
		if names := lacking[d.Name()]; names != nil {
			errs = append(errs, fmt.Errorf("plan %s: %s: %s: %w", name, d.Name(), strings.Join(names, ", "),
				backend.ErrNoKernel))
			delete(lacking, d.Name())
		}
	}
	return errors.Join(errs...)
}

// prepare chooses the layouts of the leaves and then, in order, kernels and the layouts of what they write.
func (p *Plan) prepare(leaves []*value, prepared func(done, total int) error) error {
	if err := missing(p.Name, p.steps, p.state.Devices); err != nil {
		return err
	}
	velocities := func(v *value) bool { return v.param && len(v.readers) == 1 && v.readers[0].update }
	for _, late := range []bool{false, true} { // velocities after their weights, whose layouts they follow
		for _, v := range leaves {
			if velocities(v) != late {
				continue
			}
			if err := p.leaf(v); err != nil {
				return fmt.Errorf("plan %s: %w", p.Name, err)
			}
		}
	}
	for i, s := range p.steps {
		err := p.kernel(s)
		if err == nil && prepared != nil {
			err = prepared(i+1, len(p.steps))
		}
		if err != nil {
			return fmt.Errorf("plan %s: %w", p.Name, err)
		}
	}
	return nil
}

func (p *Plan) leaf(v *value) error {
	if v.param {
		t, err := p.state.place(v, uses(v))
		if err == nil {
			v.layout, v.buffer = t.layout, t.buffer
		}
		return err
	}
	d := p.state.Devices[v.device]
	if v.layout != nil { // another plan's
		if u, is := d.(backend.Uploader); is {
			v.layout = u.Uploaded(v.layout)
		}
		return nil
	}
	var err error
	if v.layout, err = d.Place(v.typ, uses(v)); err != nil {
		return fmt.Errorf("%s: place %s %v: %w", d.Name(), v.name, v.typ, err)
	}
	return nil
}

func (p *Plan) kernel(s *step) error {
	if s.copies() {
		s.out[0].layout = s.in[0].layout
		return nil
	}
	d := p.state.Devices[s.place.Device]
	r := backend.Request{Op: s.op, Companion: s.companion, InTypes: types(s.in), In: layouts(s.in), OutTypes: types(s.out),
		Readers: readers(s.out[0])}
	k, err := d.Prepare(r)
	if err != nil {
		return fmt.Errorf("%s: prepare %s of %v: %w", d.Name(), s.name(), r.InTypes, err)
	}
	s.kernel = k
	out := k.Out()
	if len(out) != len(s.out) {
		return fmt.Errorf("%s: prepare %s of %v: %d output layouts, want %d", d.Name(), s.name(), r.InTypes, len(out),
			len(s.out))
	}
	for i, v := range s.out {
		if v.layout == nil { // what an update writes in place has its layout
			v.layout = out[i]
		}
	}
	return nil
}

// uses are where a value is read, but for copies to other devices.
func uses(v *value) []backend.Use {
	var all []backend.Use
	for _, s := range v.readers {
		for i, in := range s.in {
			if in == v && !s.copies() {
				all = append(all, backend.Use{Op: s.op, Arg: i, In: types(s.in), Layouts: layouts(s.in)})
			}
		}
	}
	return all
}

// readers are the uses of a value that no other device reads: what is sent is to lie as everybody takes it.
func readers(v *value) []backend.Use {
	if slices.ContainsFunc(v.readers, (*step).copies) {
		return nil
	}
	return uses(v)
}

func types(vs []*value) []op.Type {
	out := make([]op.Type, len(vs))
	for i, v := range vs {
		out[i] = v.typ
	}
	return out
}

func layouts(vs []*value) []backend.Layout {
	out := make([]backend.Layout, len(vs))
	for i, v := range vs {
		out[i] = v.layout
	}
	return out
}
