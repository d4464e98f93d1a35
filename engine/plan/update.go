package plan

import (
	"fmt"

	"duet/engine/op"
)

// updates appends the steps that change parameters. Each comes after everything that reads the parameter.
func (c *collector) updates() error {
	for _, u := range c.spec.Updates {
		w := c.params[u.Param]
		if w == nil {
			return fmt.Errorf("plan %s: update of %s, which no output or gradient needs", c.spec.Name, u.Param)
		}
		g := c.values[u.Grad]
		if g == nil {
			return fmt.Errorf("plan %s: update of %s: its gradient is not in the graph", c.spec.Name, u.Param)
		}
		v := c.add(&value{name: Momentum(w.name), typ: w.typ, device: w.device, kept: true, param: true})
		rate := c.rates[w.device]
		if rate == nil {
			rate = c.add(&value{name: Rate, typ: op.Floats(1), device: w.device, kept: true})
			c.rates[w.device] = rate
		}
		s := &step{op: u.Op, update: true, in: []*value{w, v, g, rate}, out: []*value{w, v}, after: w.readers}
		s.place = op.Place{Device: w.device, Layer: g.layer()}
		if sgd, ok := u.Op.(op.SGD); ok {
			peak := c.add(&value{name: Peak(w.name), typ: op.Floats(1), device: w.device, kept: true, writer: s})
			s.companion, s.out = op.GradientPeak{SGD: sgd}, append(s.out, peak)
			c.peaks = append(c.peaks, peak)
		}
		if g.device != w.device {
			return fmt.Errorf("plan %s: %s is on device %d, its gradient on %d", c.spec.Name, w.name, w.device, g.device)
		}
		types := []op.Type{w.typ, v.typ, g.typ, rate.typ}
		if _, err := u.Op.Infer(types); err != nil {
			return fmt.Errorf("plan %s: update of %s: %w", c.spec.Name, w.name, err)
		}
		w.readers = append(w.readers[:len(w.readers):len(w.readers)], s)
		for _, x := range s.in[1:] {
			x.readers = append(x.readers, s)
		}
		c.steps = append(c.steps, s)
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
