package model_test

import (
	"context"
	"testing"

	"duet/engine/backend/watched"
	"duet/engine/model"
)

// TestEveryDeviceCallMayFail lets every call of a device fail once, in all that a model does: the error comes out.
func TestEveryDeviceCallMayFail(t *testing.T) {
	ctx := context.Background()
	c := config(t, onWatched, "train.batch=4", "data.generated.val=8", "data.prefetch=1", set(t))
	data := open(t, c)
	in := model.InputOf(data.Train, c.Data)
	m := newModel(t, c, in, model.ForTraining)
	check(t, m.Initialise(1))
	for _, c := range []struct {
		name   string
		stride int // every how many calls one fails
		run    func() error
	}{
		{"making", 9, func() error {
			m, err := model.New(ctx, c.Setup(), in, model.ForTraining, model.Hooks{})
			if err != nil {
				return err
			}
			return m.Close()
		}},
		{"testing", 1, func() error {
			_, err := m.Evaluate(ctx, data.Val, model.Test{Views: 1})
			return err
		}},
		{"predicting", 1, func() error {
			_, err := m.Predict(ctx, [][]byte{data.Val.Stored(0)}, 10)
			return err
		}},
		{"measuring", 1, func() error {
			_, err := m.Bench(ctx, 2, nil)
			return err
		}},
		{"measuring with data", 1, func() error {
			_, err := m.BenchData(ctx, data.Train, 2, 1, nil)
			return err
		}},
		{"checking gradients", 9, func() error {
			two := c.Setup()
			two.Batch = 2
			_, err := model.GradCheck(ctx, two, in, 1, nil)
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) { watched.EachFails(t, c.stride, nil, c.run) })
	}
}
