//go:build dnnl

package dnnl

import (
	"fmt"

	"duet/engine/backend"
	"duet/engine/op"
)

// Place gives a weight the formats in which its convolution or product reads it, a velocity its weight's, and every
// other leaf the row-major layout. Images of a convolution are stored in the precision of activations; biases, rates,
// means and labels never are.
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
	var u uses
	var shape func(u uses) (*layout, error) // of a weight
	for _, use := range used {
		switch o := use.Op.(type) {
		case op.SGD:
			if use.Arg == 1 && len(use.Layouts) > 0 && use.Layouts[0] != nil {
				return masterOf(use.Layouts[0])
			}
			if use.Arg == 0 {
				u |= update
			}
		case op.Conv2D:
			if use.Arg == 1 {
				u |= forward
				shape = func(u uses) (*layout, error) { return convWeight(d.team, o, use.In[0].Shape, t.Shape, u) }
			}
		case op.Conv2DGradInput:
			if use.Arg == 0 {
				u |= backward
				if shape == nil {
					x := []int{use.In[1].Shape[0], t.Shape[1] * o.Conv.Groups, o.H, o.W}
					shape = func(u uses) (*layout, error) { return convWeight(d.team, o.Conv, x, t.Shape, u) }
				}
			}
		case op.Linear:
			if use.Arg == 1 {
				u |= forward
				shape = func(u uses) (*layout, error) { return linearWeight(d.team, use.In[0].Shape[0], t.Shape, u) }
			}
		case op.LinearGradInput:
			if use.Arg == 0 {
				u |= backward
				if shape == nil {
					shape = func(u uses) (*layout, error) { return linearWeight(d.team, use.In[1].Shape[0], t.Shape, u) }
				}
			}
		}
	}
	if shape != nil {
		return shape(u)
	}
	return plain(d.element(t, used), t.Shape)
}

// masterOf is the layout of a velocity.
func masterOf(weight backend.Layout) (*layout, error) {
	w, ok := weight.(*layout)
	if !ok {
		return nil, fmt.Errorf("layout %v of the weight is another backend's", weight)
	}
	return w.master()
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
		if !activation(use) {
			return float32s
		}
	}
	return bfloat16
}

// activation says whether a use reads a leaf as an activation.
func activation(use backend.Use) bool {
	switch use.Op.(type) {
	case op.Augment, op.SGD, op.Softmax, op.SoftmaxLoss, op.SoftmaxLossGrad, op.TopErrors, op.LRNGrad:
		return false
	case op.Conv2D, op.Linear:
		return use.Arg == 0
	}
	return true
}
