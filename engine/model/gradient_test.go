package model_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"duet/engine/backend/watched"
	"duet/engine/checkpoint"
	"duet/engine/model"
)

// peakTol is the relative rounding of a velocity and of the division by the rate.
const peakTol = 1e-5

// TestLargestGradient compares with what the velocities say after one step from none: v = -rate*g. Whether the largest
// element lies in a parameter's first part or in its second one, the one of another device, depends on the seed.
func TestLargestGradient(t *testing.T) {
	const rate = 0.01
	found := map[string]bool{}
	for _, d := range watched.Placements() {
		t.Run(d, func(t *testing.T) {
			c := config(t, d, "devices.threads=1", "train.weight_decay=0")
			m := newModel(t, c, model.RandomInput(c.Data, 4), model.ForBench)
			for seed := range uint64(8) {
				if err := m.Initialise(seed); err != nil {
					t.Fatal(err)
				}
				b := batchOf(t, m)
				if err := m.Step(b, seed, rate); err != nil {
					t.Fatal(err)
				}
				got, err := m.LargestGradient(seed + 1)
				if err != nil {
					t.Fatal(err)
				}
				tensors, err := m.Tensors()
				if err != nil {
					t.Fatal(err)
				}
				want := model.Gradient{Step: seed + 1}
				for _, tensor := range tensors {
					name, is := strings.CutPrefix(tensor.Name, "momentum.")
					if !is {
						continue
					}
					for i, v := range tensor.Data {
						if g := float32(math.Abs(float64(v)) / rate); g > want.Value {
							want.Param, want.Value = name, g
							found[name+" "+[]string{"first", "second"}[2*i/len(tensor.Data)]] = true
						}
					}
				}
				if got.Param != want.Param || got.Step != want.Step || !(math.Abs(float64(got.Value/want.Value)-1) <= peakTol) {
					t.Errorf("seed %d: the largest gradient is %v, want %v", seed, got, want)
				}
			}
		})
	}
	for _, half := range []string{"first", "second"} {
		if !slices.ContainsFunc(keys(found), func(k string) bool {
			return strings.HasSuffix(k, half) &&
				!strings.HasPrefix(k, "conv1.weight")
		}) {
			t.Errorf("the largest of all lay in %v, never in the %s half of a later parameter: the test shows little",
				keys(found), half)
		}
	}
}

// TestGradients: a step with momentum, weight decay and layers that learn at rates of their own tells the same
// gradients as one from the same weights whose velocity is nothing but they; a frozen parameter tells none.
func TestGradients(t *testing.T) {
	const rate = 0.01
	for _, d := range watched.Placements() {
		t.Run(d, func(t *testing.T) {
			c := config(t, d, "devices.threads=1", "train.momentum=0.9", "train.weight_decay=0.01",
				"network.layers.conv1.rate=3", "network.layers.conv1.decay=0.5", "network.layers.conv2.rate=0")
			plain := config(t, d, "devices.threads=1", "train.momentum=0", "train.weight_decay=0")
			in := model.RandomInput(c.Data, 4)
			m, alone := newModel(t, c, in, model.ForBench), newModel(t, plain, in, model.ForBench)
			check(t, m.Initialise(1))
			b := batchOf(t, m)
			take := func(m *model.Model, step uint64) *checkpoint.File {
				check(t, m.Step(b, step, rate))
				tensors, err := m.Tensors()
				check(t, err)
				return &checkpoint.File{Tensors: tensors}
			}
			f := take(m, 0) // so that there are velocities
			check(t, alone.Restore(f))
			before, err := m.Velocities()
			check(t, err)
			got := m.Gradients(before, take(m, 1), rate)
			f = take(alone, 1)
			var names []string
			for _, g := range got {
				names = append(names, g.Name)
				want, _ := f.Tensor("momentum." + g.Name)
				largest := 0.0
				for _, v := range want.Data {
					largest = max(largest, math.Abs(float64(v))/rate)
				}
				for i, v := range want.Data {
					if w := -float64(v) / rate; !(math.Abs(float64(g.Data[i])-w) <= peakTol*largest) {
						t.Fatalf("%s[%d]: %v, want %v", g.Name, i, g.Data[i], w)
					}
				}
			}
			if want := (len(f.Tensors)-1)/2 - 2; len(got) != want || slices.Contains(names, "conv2.weight") {
				t.Errorf("gradients of %q, want %d and none of conv2", names, want)
			}
		})
	}
}

// TestFrozen: layers that do not learn keep their weights bit for bit and take no memory for gradients, and the others
// learn what they would if those had a rate of 0.
func TestFrozen(t *testing.T) {
	for _, d := range watched.Placements() {
		t.Run(d, func(t *testing.T) {
			in := model.RandomInput(config(t).Data, 4)
			trained := func(sets ...string) (map[string][]float32, int64) {
				m := newModel(t, config(t, append(sets, d, "devices.threads=1")...), in, model.ForBench)
				check(t, m.Initialise(1))
				b := batchOf(t, m)
				for n := range uint64(3) {
					check(t, m.Step(b, n, 0.01))
					check(t, b.Memory.Wait())
				}
				g, err := m.LargestGradient(3)
				check(t, err)
				if strings.HasPrefix(g.Param, "conv") && strings.HasSuffix(sets[0], "frozen=true") {
					t.Errorf("the largest gradient is %v", g)
				}
				tensors, err := m.Tensors()
				check(t, err)
				all := map[string][]float32{}
				for _, one := range tensors {
					all[one.Name] = one.Data
				}
				return all, m.Bytes()
			}
			var frozen, still []string
			for _, layer := range []string{"conv1", "conv2", "conv3"} {
				frozen = append(frozen, "network.layers."+layer+".frozen=true")
				still = append(still, "network.layers."+layer+".rate=0")
			}
			got, bytes := trained(frozen...)
			want, more := trained(still...)
			for name, data := range want {
				if !slices.Equal(got[name], data) {
					t.Errorf("%s is other than with a rate of 0", name)
				}
			}
			if bytes >= more {
				t.Errorf("%d bytes, and %d with gradients", bytes, more)
			}
		})
	}
}

func keys(m map[string]bool) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
