package plan

import (
	"slices"

	"duet/engine/backend"
	"duet/engine/op"
)

// fuse makes one step of local response normalisation and the max pooling of its result, one of their gradients and of
// the rectifier's before them, and one of other layers' gradients and the rectifier's, where a device has kernels for
// it and nobody else reads what lies between. That is then neither written nor read: as large as the normalisation's
// input, four times over in training.
func (c *collector) fuse(devices []backend.Device) {
	for _, s := range slices.Clone(c.steps) {
		norm, ok := s.op.(op.LRN)
		fuser, able := devices[s.place.Device].(backend.Fuser)
		if !ok || !able {
			continue
		}
		p, ok := pairOf(s)
		if !ok {
			continue
		}
		o := op.LRNMaxPool{LRN: norm, Pool: p.pool.op.(op.MaxPool)}
		if fuser.Fuses(o, s.in[0].typ) {
			c.join(p, o, fuser)
		}
	}
	for _, s := range slices.Clone(c.steps) {
		if fuser, able := devices[s.place.Device].(backend.Fuser); able {
			c.rectify(s, fuser)
		}
	}
}

// rectify makes one step of the gradient of a rectifier and of what gives it the gradient behind.
func (c *collector) rectify(relu *step, fuser backend.Fuser) {
	if _, is := relu.op.(op.ReLUGrad); !is {
		return
	}
	y, dy := relu.in[0], relu.in[1]
	grad := dy.writer
	if grad == nil || grad.place.Device != relu.place.Device || only[op.ReLUGrad](dy) != relu || y == dy {
		return
	}
	o := op.Rectified{Grad: grad.op}
	if !slices.ContainsFunc(op.Rectifiable(), func(r op.Op) bool { return r.Name() == grad.op.Name() }) ||
		!fuser.Fuses(o, dy.typ) {
		return
	}
	both := &step{op: o, place: grad.place, in: append(slices.Clip(grad.in), y)}
	for _, s := range c.steps { // an update of the weight that the gradient reads
		for i, before := range s.after {
			if before == grad {
				s.after = slices.Clone(s.after)
				s.after[i] = both
			}
		}
	}
	c.replace(grad, nil)
	c.replace(relu, both)
}

// pair is a normalisation and the pooling behind it, and their gradients, which are nil together.
type pair struct{ norm, pool, normGrad, poolGrad *step }

// pairOf finds the pooling and the gradients that belong to a normalisation, unless what lies between is wanted
// elsewhere.
func pairOf(norm *step) (p pair, ok bool) {
	p = pair{norm: norm, pool: only[op.MaxPool](norm.out[0])}
	if p.pool == nil || (norm.companion == nil) != (p.pool.companion == nil) {
		return pair{}, false
	}
	if norm.companion == nil {
		return p, true
	}
	p.normGrad, p.poolGrad = only[op.LRNGrad](norm.out[1]), only[op.MaxPoolGrad](p.pool.out[1])
	if p.normGrad == nil || p.poolGrad == nil || only[op.LRNGrad](p.poolGrad.out[0]) != p.normGrad {
		return pair{}, false
	}
	return p, p.normGrad.in[0] == norm.in[0] && p.normGrad.in[2] == p.poolGrad.out[0]
}

// only is the one step that reads a value, when its operation is an O and no output of the plan needs the value.
func only[O op.Op](v *value) *step {
	if v.kept || len(v.readers) != 1 {
		return nil
	}
	if _, is := v.readers[0].op.(O); !is {
		return nil
	}
	return v.readers[0]
}

// join replaces a pair's steps.
func (c *collector) join(p pair, o op.LRNMaxPool, fuser backend.Fuser) {
	x, layer := p.norm.in[0], p.norm.place.Layer+"+"+p.pool.place.Layer
	forward := &step{op: o, place: op.Place{Device: p.pool.place.Device, Layer: layer}, in: []*value{x}}
	if p.pool.companion != nil {
		forward.companion = op.LRNMaxPoolArgmax{LRNMaxPool: o}
	}
	c.replace(p.norm, nil)
	c.replace(p.pool, forward)
	if p.normGrad == nil {
		return
	}
	argmax, dy := p.poolGrad.in[0], p.poolGrad.in[1]
	last, gradient := p.normGrad, op.LRNMaxPoolGrad{LRNMaxPool: o, ReLU: true}
	if relu := only[op.ReLUGrad](last.out[0]); relu != nil && relu.in[0] == x && relu.in[1] == last.out[0] &&
		fuser.Fuses(gradient, x.typ) {
		c.replace(last, nil)
		last = relu
	} else {
		gradient.ReLU = false
	}
	backward := &step{op: gradient, place: forward.place, in: []*value{x, argmax, dy}}
	c.replace(p.poolGrad, nil)
	c.replace(last, backward)
}

// replace puts a step in the place of another one, whose outputs it writes. With none, nobody wants those any more.
func (c *collector) replace(old, by *step) {
	for _, v := range old.in {
		v.readers = slices.DeleteFunc(slices.Clone(v.readers), func(s *step) bool { return s == old })
	}
	at := slices.Index(c.steps, old)
	if by == nil {
		c.steps = slices.Delete(c.steps, at, at+1)
		c.all = slices.DeleteFunc(c.all, func(v *value) bool { return v.writer == old })
		return
	}
	c.steps[at], by.out = by, old.out
	for _, v := range by.out {
		v.writer = by
	}
	for _, v := range by.in {
		v.readers = append(v.readers, by)
	}
}
