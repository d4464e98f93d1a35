package train_test

import (
	"context"
	"math"
	"testing"

	"duet/engine/checkpoint"
	"duet/engine/model"
	"duet/engine/train"
)

// TestPlainRun: without shuffling, augmentation and dropout, and with a checkpoint at step 0, another program can
// follow a run. Here the loss of each step is computed from the checkpoint before it and the images in their order.
func TestPlainRun(t *testing.T) {
	r := newRuns(t)
	sets := []string{onTwo, "data.shuffle=false", "data.random_crop=false", "data.mirror=false",
		"network.layers.drop4.drop_rate=0", "train.checkpoint_start=true", "train.checkpoint_steps=1", "train.max_steps=6",
		"train.keep=9", "train.validate_steps=0"}
	_, err := r.train(context.Background(), "run", sets...)
	r.check(err)
	_, err = r.train(context.Background(), "again", sets...)
	r.check(err)
	r.same("run", "again", 0)
	r.same("run", "again", 6)
	c := r.config(onOne, "network.layers.drop4.drop_rate=0")
	data, err := train.OpenData(context.Background(), c.Data, train.DataHooks{})
	r.check(err)
	defer func() { r.check(data.Close()) }()
	m, err := model.New(context.Background(), c.Setup(), model.InputOf(data.Train, c.Data), model.ForTesting,
		model.Hooks{})
	r.check(err)
	defer func() { r.check(m.Close()) }()
	steps, _ := r.metrics("run")
	for step := range 6 {
		f, err := checkpoint.Load(r.store("run").StepPath(uint64(step)))
		r.check(err)
		r.check(m.Restore(f))
		var images [][]byte
		var labels []int32
		for i := range 16 {
			at := (step*16 + i) % data.Train.Len()
			images, labels = append(images, data.Train.Stored(at)), append(labels, data.Train.Labels()[at])
		}
		predicted, err := m.Predict(context.Background(), images, 1)
		r.check(err)
		want := 0.
		for i, label := range labels {
			want -= math.Log(predicted[i].Probs[label]) / float64(len(labels))
		}
		if !(math.Abs(steps[step].Loss-want) <= 1e-5) {
			t.Errorf("step %d: loss %v, want %v", step+1, steps[step].Loss, want)
		}
	}
}
