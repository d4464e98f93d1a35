package model

import "duet/engine/plan"

// Outline is the steps of a plan of the network, of training or of testing, on devices that need not be there.
func (s Setup) Outline(in Input, training bool) ([]plan.Step, error) {
	g, err := s.Graph(in, training)
	if err != nil {
		return nil, err
	}
	name := "test"
	if training {
		name = "train"
	}
	return plan.Outline(s.Spec(name, g), s.Devices.Towers)
}
