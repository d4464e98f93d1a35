package model_test

import (
	"slices"
	"strings"
	"testing"

	"duet/dataloader"
	"duet/engine/backend/watched"
	"duet/engine/model"
)

// TestStepsFromOneMemory: steps on one batch, which is filled again as soon as its Wait returns, come to the losses of
// steps on a batch each, bit for bit, on one device and on two.
func TestStepsFromOneMemory(t *testing.T) {
	for _, placement := range watched.Placements() {
		t.Run(placement, func(t *testing.T) {
			each, one := losses(t, placement, 6), losses(t, placement, 1)
			if !slices.Equal(each, one) {
				t.Errorf("losses %v of one batch's memory, %v of a batch each", one, each)
			}
			if slices.Equal(each[:1], each[1:2]) {
				t.Errorf("losses %v: two batches are the same", each)
			}
		})
	}
}

// losses are those of six steps on some batches in turn, of which each second one is waited for.
func losses(t *testing.T, placement string, batches int) (all []float64) {
	t.Helper()
	c := config(t, placement, "devices.threads=1", "network.layers.drop4.drop_rate=0.5")
	m := newModel(t, c, model.RandomInput(c.Data, 4), model.ForTraining)
	check(t, m.Initialise(1))
	var ring []*dataloader.Batch
	for range batches {
		ring = append(ring, batchOf(t, m))
	}
	for n := range 6 {
		b := ring[n%batches]
		check(t, b.Memory.Wait())
		for i := range b.Images {
			b.Images[i] = uint8(i*(n+3) + i>>8)
		}
		for i := range b.Labels {
			b.Labels[i] = int32((i + n) % 4)
		}
		check(t, m.Step(b, uint64(n), 0.01*float64(n+1)))
		if n%2 == 1 {
			loss, _, err := m.Progress()
			check(t, err)
			all = append(all, loss)
		}
	}
	return all
}

// TestForeignBatch: a batch in other memory than the model's is refused.
func TestForeignBatch(t *testing.T) {
	c := config(t, onOne)
	m := newModel(t, c, model.RandomInput(c.Data, 4), model.ForTraining)
	b, err := dataloader.NewBatch(m.Batch, m.Input.Height*m.Input.Width*3, dataloader.DrawWidth, nil)
	check(t, err)
	if err := m.Step(b, 0, 0.01); err == nil || !strings.Contains(err.Error(), "Allocate") {
		t.Errorf("error %v, want one that tells of Allocate", err)
	}
}
