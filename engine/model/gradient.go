package model

import (
	"fmt"

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
