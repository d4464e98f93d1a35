package model_test

import (
	"slices"
	"strings"
	"testing"

	"duet/engine/model"
	"duet/engine/plan"
)

// TestFronts: what frozen layers compute is in the fronts and not in the plans behind them, which have less memory.
func TestFronts(t *testing.T) {
	for _, on := range []string{onOne, onTwo} {
		c := config(t, on, "network.layers.conv1.frozen=true", "network.layers.conv2.frozen=true")
		in := model.RandomInput(c.Data, 4)
		whole := newModel(t, c, in, model.ForTraining)
		s := c.Setup()
		s.CacheFeatures = true
		m, err := model.New(t.Context(), s, in, model.ForTraining, model.Hooks{})
		check(t, err)
		training, testing := m.Fronts()
		for _, f := range []*model.Front{training, testing} {
			maps := 0
			for _, n := range f.Widths() {
				maps += n
			}
			if maps != 16*4*4 { // of conv2, of both towers
				t.Errorf("%s: features of %v numbers", on, f.Widths())
			}
		}
		for _, p := range []*plan.Plan{m.Training(), m.Testing()} {
			steps := layers(p)
			for _, layer := range []string{"input", "conv1", "norm1", "pool1", "conv2"} {
				if slices.Contains(steps, layer) {
					t.Errorf("%s: %s is computed in every step", on, layer)
				}
			}
			if !slices.Contains(steps, "conv3") {
				t.Errorf("%s: %v", on, steps)
			}
		}
		image := make([]byte, in.Height*in.Width*3)
		if _, err := m.Predict(t.Context(), [][]byte{image}, 1); err == nil || !strings.Contains(err.Error(), "features") {
			t.Errorf("%s: given an image it says %v", on, err)
		}
		check(t, m.CloseFronts())
		if m.Bytes() >= whole.Bytes() {
			t.Errorf("%s: %d bytes on features, %d on images", on, m.Bytes(), whole.Bytes())
		}
		check(t, m.Close())
		s.Network = config(t, on).Network
		if m, err := model.New(t.Context(), s, in, model.ForTraining, model.Hooks{}); err == nil {
			t.Errorf("%s: a model without frozen layers", on)
			check(t, m.Close())
		}
	}
}

// layers are those that the steps of a plan belong to.
func layers(p *plan.Plan) (all []string) {
	for _, s := range p.Report().Steps {
		all = append(all, s.Layer)
	}
	return all
}
