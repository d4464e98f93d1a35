package plan

import (
	"errors"
	"fmt"
	"slices"

	"duet/engine/op"
)

// updates appends the steps that change parameters. Each comes after everything that reads the parameter.
func (c *collector) updates() error {
	for _, u := range c.spec.Updates {
		if err := c.update(u); err != nil {
			return fmt.Errorf("plan %s: update of %s: %w", c.spec.Name, u.Param, err)
		}
	}
	return nil
}

func (c *collector) update(u Update) error {
	w, g := c.params[u.Param], c.values[u.Grad]
	switch {
	case w == nil:
		return errors.New("no output or gradient needs it")
	case g == nil:
		return errors.New("its gradient is not in the graph")
	case g.device != w.device:
		return fmt.Errorf("%s is on device %d, its gradient on %d", w.name, w.device, g.device)
	}
	s := &step{op: u.Op, update: true, after: w.readers, place: op.Place{Device: w.device, Layer: g.layer()}}
	for _, role := range u.Op.Roles() {
		v := c.operand(role, w, g)
		if v == nil {
			return fmt.Errorf("%s wants a %v, which no plan has", u.Op.Name(), role)
		}
		s.in = append(s.in, v)
	}
	for _, i := range u.Op.Updates() {
		s.out = append(s.out, s.in[i])
	}
	if peak := u.Op.Peak(); peak != nil {
		v := c.add(&value{name: Peak(w.name), typ: op.Floats(1), device: w.device, kept: true, writer: s})
		s.companion, s.out = peak, append(s.out, v)
		c.peaks = append(c.peaks, v)
	}
	if _, err := u.Op.Infer(types(s.in)); err != nil {
		return err
	}
	for _, v := range s.in {
		v.readers = append(slices.Clip(v.readers), s)
	}
	c.steps = append(c.steps, s)
	return nil
}

// operand is what an update of a parameter with a gradient reads in a role, or nil.
func (c *collector) operand(role op.Role, w, g *value) *value {
	switch role {
	case op.Parameter:
		return w
	case op.Gradient:
		return g
	case op.Average:
		return c.add(&value{name: Average(w.name), typ: w.typ, device: w.device, kept: true, param: true})
	case op.Velocity:
		return c.add(&value{name: Momentum(w.name), typ: w.typ, device: w.device, kept: true, param: true})
	case op.Rate:
		if c.rates[w.device] == nil {
			c.rates[w.device] = c.add(&value{name: Rate, typ: op.Floats(1), device: w.device, kept: true})
		}
		return c.rates[w.device]
	}
	return nil
}

// layer is where a value comes from.
func (v *value) layer() string {
	if v.writer != nil {
		return v.writer.place.Layer
	}
	return v.name
}
