package model_test

import (
	"testing"

	"duet/dataloader"
	"duet/engine/backend/watched"
	"duet/engine/model"
	"duet/engine/plan"
)

// stepper is a model of the smoke preset with a batch to train it on.
func stepper(t testing.TB, device string, sets ...string) (*model.Model, *dataloader.Batch) {
	t.Helper()
	c := config(t, append([]string{`devices.towers=["` + device + `"]`, "devices.threads=1"}, sets...)...)
	setup, in := c.Setup(), model.RandomInput(c.Data, 4)
	setup.CacheFeatures = c.Train.CacheFeatures
	m, err := model.New(t.Context(), setup, in, model.ForTraining, model.Hooks{})
	check(t, err)
	t.Cleanup(func() { check(t, m.Close()) })
	check(t, m.Initialise(1))
	if front, _ := m.Fronts(); front != nil {
		f, err := dataloader.NewFeatures(1, 1, front.Widths(), "")
		check(t, err)
		t.Cleanup(func() { check(t, f.Close()) })
		return m, batchFor(t, m, f.Bytes(), c.Data.DrawWidth(), m.AllocateFor(f))
	}
	return m, batchFor(t, m, in.Height*in.Width*3, c.Data.DrawWidth(), m.Allocate)
}

// batchOf is a batch for a model.
func batchOf(t testing.TB, m *model.Model) *dataloader.Batch {
	t.Helper()
	return batchFor(t, m, m.Input.Height*m.Input.Width*3, dataloader.DrawWidth, m.Allocate)
}

// batchFor is a batch of so many bytes and drawn numbers an image.
func batchFor(t testing.TB, m *model.Model, bytes, draws int, allocate dataloader.Allocate) *dataloader.Batch {
	t.Helper()
	b, err := dataloader.NewBatch(m.Batch, bytes, draws, allocate)
	check(t, err)
	t.Cleanup(func() {
		check(t, b.Memory.Wait())
		check(t, b.Memory.Close())
	})
	for i := range b.Images {
		b.Images[i] = uint8(i * i)
	}
	return b
}

// devices are the CPU devices that this build has.
func devices() []string {
	var names []string
	for _, b := range watched.Others() {
		names = append(names, b.Name+":0")
	}
	return names
}

func step(t testing.TB, m *model.Model, b *dataloader.Batch, n uint64) {
	if err := m.Step(b, n, 0.01); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Progress(); err != nil {
		t.Fatal(err)
	}
}

func TestStepDoesNotAllocate(t *testing.T) {
	for _, d := range devices() {
		for name, sets := range map[string][]string{
			"as it is": nil,
			"all at once": {"data.crop_area=[0.5, 1]", "data.rotate=5", "train.ema=0.9", "train.label_smoothing=0.1",
				"train.class_weights=[1, 2, 3, 4]", "network.layers.conv1.activation=tanh"},
			"features": {"data.random_crop=false", "network.layers.conv1.frozen=true", "train.cache_features=true"},
		} {
			t.Run(d+"/"+name, func(t *testing.T) {
				m, b := stepper(t, d, sets...)
				n := uint64(0)
				if allocs := testing.AllocsPerRun(50, func() { step(t, m, b, n); n++ }); allocs > 0 {
					t.Errorf("%v allocations a step, want none", allocs)
				}
			})
		}
	}
}

func BenchmarkStep(b *testing.B) {
	for _, d := range devices() {
		b.Run(d, func(b *testing.B) {
			m, batch := stepper(b, d)
			b.ReportAllocs()
			for n := range b.N {
				step(b, m, batch, uint64(n))
			}
		})
	}
}

// TestBytes: a model takes what its plans take, and the weights that they share once.
func TestBytes(t *testing.T) {
	for purpose, plans := range map[model.Purpose]int{model.ForTraining: 2, model.ForTesting: 1, model.ForBench: 1} {
		c := config(t, onTwo)
		m := newModel(t, c, model.RandomInput(c.Data, 4), purpose)
		var want, state int64
		for _, plan := range []*plan.Plan{m.Training(), m.Testing()} {
			if plan == nil {
				continue
			}
			plans--
			state = 0
			for _, d := range plan.Report().Devices {
				want, state = want+d.Arena+d.Other, state+d.State
			}
		}
		if plans != 0 || m.Bytes() != want+state {
			t.Errorf("purpose %d: %d bytes, want %d and %d of weights; plans missing: %d", purpose, m.Bytes(), want, state,
				plans)
		}
	}
}
