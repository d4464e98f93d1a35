//go:build dnnl

package dnnl

import (
	"fmt"
	"slices"

	"duet/engine/backend"
	"duet/engine/op"
)

// Place gives a weight the formats in which its convolution or product reads it, a velocity and an average their
// parameter's, and every other leaf the row-major layout, in the precision of activations where it is nothing else.
func (d *device) Place(t op.Type, used []backend.Use) (backend.Layout, error) {
	if err := d.Open(); err != nil {
		return nil, d.Errorf("place", err)
	}
	l, err := d.place(t, used)
	if err != nil {
		return nil, d.Errorf("place", fmt.Errorf("%v: %w", t, err))
	}
	return l, nil
}

func (d *device) place(t op.Type, used []backend.Use) (*layout, error) {
	var all uses
	var weight func(uses) (*layout, error)
	for _, use := range used {
		switch use.Role() {
		case op.Velocity:
			i := slices.Index(use.Op.Roles(), op.Parameter)
			if i < len(use.Layouts) && use.Layouts[i] != nil {
				return masterOf(use.Layouts[i])
			}
		case op.Average:
			i := slices.Index(use.Op.Roles(), op.Parameter)
			if i < len(use.Layouts) && use.Layouts[i] != nil {
				return like(use.Layouts[i])
			}
		case op.Parameter:
			all |= update
		case op.Weight:
			u, shape := d.weight(t.Shape, use)
			if all |= u; weight == nil || u == forward {
				weight = shape
			}
		}
	}
	if weight != nil {
		return weight(all)
	}
	return plain(d.element(t, used), t.Shape)
}

// weight says which way an operation uses a weight, and how the layout for all of its uses is found.
func (d *device) weight(shape []int, use backend.Use) (u uses, layoutFor func(uses) (*layout, error)) {
	switch o := use.Op.(type) {
	case op.Conv2D:
		return forward, func(u uses) (*layout, error) { return convWeight(d.team, o, use.In[0].Shape, shape, u) }
	case op.Conv2DGradInput:
		x := []int{use.In[1].Shape[0], shape[1] * o.Conv.Groups, o.H, o.W}
		return backward, func(u uses) (*layout, error) { return convWeight(d.team, o.Conv, x, shape, u) }
	case op.Linear:
		return forward, func(u uses) (*layout, error) { return linearWeight(d.team, use.In[0].Shape[0], shape, u) }
	case op.LinearGradInput:
		return backward, func(u uses) (*layout, error) { return linearWeight(d.team, use.In[1].Shape[0], shape, u) }
	}
	return forward, func(uses) (*layout, error) { return nil, fmt.Errorf("no layout for a weight of %s", use.Op.Name()) }
}

// masterOf is the layout of a velocity.
func masterOf(weight backend.Layout) (*layout, error) {
	w, err := like(weight)
	if err != nil {
		return nil, err
	}
	return w.master()
}

// like is the layout of an average: that of its weight.
func like(weight backend.Layout) (*layout, error) {
	w, ok := weight.(*layout)
	if !ok {
		return nil, fmt.Errorf("layout %v of the weight is another backend's", weight)
	}
	return w, nil
}

// element is how a leaf that is no weight is stored.
func (d *device) element(t op.Type, used []backend.Use) element {
	switch t.DType {
	case op.Uint8:
		return bytes8
	case op.Int32, op.Uint32:
		return words32
	}
	if !d.team.bf16 {
		return float32s
	}
	for _, use := range used {
		// A leaf of lrn_grad, which no network has, stays as precise as its s.
		if _, is := use.Op.(op.LRNGrad); is || use.Role() != op.Activation {
			return float32s
		}
	}
	return bfloat16
}
