package model_test

import (
	"testing"

	"duet/dataloader"
	"duet/engine/model"
)

// TestBalance: images weigh 1 on average, whatever classes there are no images of; of these nothing is asked, by a
// share of all classes either.
func TestBalance(t *testing.T) {
	loss := func(change func(s *model.Setup)) float64 {
		c := config(t, onOne, "train.label_smoothing=0.5")
		s, in := c.Setup(), model.RandomInput(c.Data, 4)
		in.Counts = []int{2, 0, 6, 4}
		change(&s)
		m, err := model.New(t.Context(), s, in, model.ForTraining, model.Hooks{})
		check(t, err)
		t.Cleanup(func() { check(t, m.Close()) })
		check(t, m.Initialise(1))
		b := batchFor(t, m, in.Height*in.Width*3, dataloader.DrawWidth, m.Allocate)
		check(t, m.Step(b, 0, 0.01))
		x, _, err := m.Progress()
		check(t, err)
		return x
	}
	balanced := loss(func(s *model.Setup) { s.Balance = true })
	want := loss(func(s *model.Setup) { s.ClassWeights = []float64{12. / (3 * 2), 0, 12. / (3 * 6), 12. / (3 * 4)} })
	if balanced != want {
		t.Errorf("the loss is %v, want %v", balanced, want)
	}
}
