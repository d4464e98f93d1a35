package train_test

import (
	"context"
	"fmt"
	"testing"

	"duet/engine/backend/watched"
	"duet/engine/model"
	"duet/engine/train"
)

// TestEveryDeviceCallMayFail lets every call of a device fail once while a run begins, trains and goes on: the error
// comes out.
func TestEveryDeviceCallMayFail(t *testing.T) {
	r := newRuns(t)
	ctx := context.Background()
	c := r.config(onWatched, "train.max_steps=3", "train.validate_steps=2", "train.checkpoint_steps=2",
		"train.batch=4", "data.generated.val=8", "data.prefetch=1")
	data, err := train.OpenData(ctx, c.Data, train.DataHooks{})
	r.check(err)
	defer func() { r.check(data.Close()) }()
	m, err := model.New(ctx, c.Setup(), model.InputOf(data.Train, c.Data), model.ForTraining, model.Hooks{})
	r.check(err)
	defer func() { r.check(m.Close()) }()
	runs := 0
	training := func(resume bool, c *train.Config) error {
		_, err := r.runOn(ctx, m, data, fmt.Sprint("run", runs), resume, c)
		return err
	}
	t.Run("training", func(t *testing.T) {
		watched.EachFails(t, 3, func() { runs++ }, func() error { return training(false, c) })
	})
	t.Run("resuming", func(t *testing.T) {
		short := *c
		short.Train.MaxSteps = 2
		watched.EachFails(t, 5, func() {
			runs++
			r.check(training(false, &short))
		}, func() error { return training(true, c) })
	})
}
