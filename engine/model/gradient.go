package model

import (
	"fmt"

	"duet/engine/checkpoint"
	"duet/engine/op"
	"duet/engine/plan"
)

// Gradient is the largest element of a step's gradients, in magnitude.
type Gradient struct {
	Param string
	Value float32
	Step  uint64 // from 1; 0 when no step has had finite gradients
}

func (g Gradient) String() string {
	if g.Step == 0 {
		return "none, no step had finite gradients"
	}
	return fmt.Sprintf("%.3g in %s at step %d", g.Value, g.Param, g.Step)
}

// LargestGradient is the largest gradient of the step that was last run, given its number.
func (m *Model) LargestGradient(step uint64) (Gradient, error) {
	largest := Gradient{Step: step}
	var peak [1]float32
	for _, p := range m.graph.Params {
		if p.Frozen {
			continue
		}
		for i := range p.Parts {
			if err := m.training.Download(plan.Peak(partName(p.Name, i)), peak[:]); err != nil {
				return largest, err
			}
			if largest.Param == "" || peak[0] > largest.Value {
				largest.Param, largest.Value = p.Name, peak[0]
			}
		}
	}
	return largest, nil
}

// Velocities are those of all parameters, in the network's order.
func (m *Model) Velocities() ([][]float32, error) {
	var all [][]float32
	for _, p := range m.graph.Params {
		v, err := m.get(p, momentum)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Gradients are those of a step, without the weight decay, under the parameters' names: op.SGD, which keeps none,
// solved for them. before are the velocities before the step, whose memory they take; f is a checkpoint after it, rate
// the step's. A parameter that does not learn has none.
//
// A gradient is off by the rounding of the velocities over the rate: |g - g'| <= 2^-23 * (|v| + |v'|) / (rate * Rate),
// and by weight decay times that of the weights.
func (m *Model) Gradients(before [][]float32, f *checkpoint.File, rate float64) []checkpoint.Tensor {
	var all []checkpoint.Tensor
	for i, p := range m.graph.Params {
		sgd := m.setup.sgd(p)
		r := float64(float32(rate)) * float64(sgd.RateMul)
		if r == 0 || p.Frozen {
			continue
		}
		weights, _ := f.Tensor(p.Name)
		after, _ := f.Tensor(op.VelocityPrefix + p.Name)
		g := before[i]
		for j, v := range after.Data {
			was := float64(weights.Data[j]) - float64(v)
			g[j] = float32((float64(sgd.Momentum)*float64(g[j])-float64(v))/r - float64(sgd.WeightDecay)*was)
		}
		all = append(all, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: g})
	}
	return all
}
