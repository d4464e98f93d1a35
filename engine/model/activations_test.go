package model_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"duet/engine/backend"
	"duet/engine/model"
)

// keeping is the learned network on devices, with layers whose activations it keeps.
func (l learned) keeping(t *testing.T, devices string, layers ...string) *model.Model {
	t.Helper()
	c := config(t, devices, "train.batch=5", l.set)
	in, err := model.InputFrom(l.File)
	check(t, err)
	s := c.Setup()
	s.Keep = layers
	m, err := model.New(context.Background(), s, in, model.ForTesting, model.Hooks{})
	check(t, err)
	t.Cleanup(func() { check(t, m.Close()) })
	check(t, m.Restore(l.File))
	return m
}

// TestActivations: every layer gives the same wherever the network lies, of every image what it gives of it alone, and
// the last one what the probabilities are made of.
func TestActivations(t *testing.T) {
	l := learn(t)
	c := config(t, onOne, l.set)
	in, err := model.InputFrom(l.File)
	check(t, err)
	described, err := c.Setup().Activations(in)
	check(t, err)
	var layers []string
	for _, a := range described {
		layers = append(layers, a.Layer)
	}
	if want := []string{"conv1", "norm1", "pool1", "conv2", "conv3", "fc4", "drop4", "fc5"}; !slices.Equal(layers, want) {
		t.Fatalf("the layers are %v, want %v", layers, want)
	}
	for name, want := range map[string]struct {
		shape  []int
		towers int
	}{"conv1": {[]int{8, 10, 10}, 2}, "fc5": {[]int{4}, 1}} {
		a := described[slices.Index(layers, name)]
		if !slices.Equal(a.Shape, want.shape) || a.Towers != want.towers {
			t.Errorf("%s: %v of %d towers, want %v of %d", name, a.Shape, a.Towers, want.shape, want.towers)
		}
	}
	data := open(t, c)
	var want []model.Tested
	for _, devices := range append([]string{onOne, onTwo}, others()...) {
		m := l.keeping(t, devices, layers...)
		var got []model.Tested
		_, err := m.Evaluate(context.Background(), data.Val, model.Test{Views: 1, Each: func(one model.Tested) error {
			kept := model.Tested{Index: one.Index, Label: one.Label, Probs: slices.Clone(one.Probs)}
			for _, a := range one.Activations {
				kept.Activations = append(kept.Activations, slices.Clone(a))
			}
			got = append(got, kept)
			return nil
		}})
		check(t, err)
		if want == nil {
			want = got
		}
		for i, one := range got {
			if one.Index != i || one.Label != int(data.Val.Labels()[i]) {
				t.Errorf("%s: image %d is %d, of class %d", devices, i, one.Index, one.Label)
			}
			for k, values := range one.Activations {
				if len(values) != described[k].Len() {
					t.Fatalf("%s: %s gives %d activations, want %v", devices, layers[k], len(values), described[k].Shape)
				}
				if d := furthest(values, want[i].Activations[k]); !(d <= 1e-4) {
					t.Errorf("%s: image %d, %s differs by %v of its largest activation", devices, i, layers[k], d)
				}
			}
			if d := furthestFrom(one.Probs, one.Activations[len(layers)-1]); !(d <= sumTol) {
				t.Errorf("%s: image %d: the probabilities differ from the scores' by %v", devices, i, d)
			}
		}
		alone, err := m.Predict(context.Background(), [][]byte{data.Val.Stored(7)}, 1)
		check(t, err)
		for k, values := range alone[0].Activations {
			if d := furthest(values, got[7].Activations[k]); !(d <= 1e-5) {
				t.Errorf("%s: %s of an image alone differs by %v", devices, layers[k], d)
			}
		}
	}
}

// others are the devices of this build that are not the reference.
func others() (all []string) {
	for _, name := range []string{"dnnl:0", "cuda:0"} {
		if backend.Available([]string{name}) == nil {
			all = append(all, `devices.towers=["`+name+`"]`)
		}
	}
	return all
}

// furthest is the largest difference in parts of the largest value.
func furthest(got, want []float32) float64 {
	var most, largest float64
	for i, w := range want {
		most, largest = max(most, math.Abs(float64(got[i]-w))), max(largest, math.Abs(float64(w)))
	}
	return most / largest
}

// furthestFrom is the largest difference of probabilities from those of scores.
func furthestFrom(probs []float64, scores []float32) (most float64) {
	var sum float64
	for _, s := range scores {
		sum += math.Exp(float64(s - slices.Max(scores)))
	}
	for i, s := range scores {
		most = max(most, math.Abs(probs[i]-math.Exp(float64(s-slices.Max(scores)))/sum))
	}
	return most
}

// TestActivationsOfViews: they are the mean over the views, and a test may begin anywhere.
func TestActivationsOfViews(t *testing.T) {
	l := learn(t)
	m := l.keeping(t, onOne, "fc4")
	data := open(t, config(t, onOne, l.set))
	rows := func(views, from int) (all [][]float32) {
		_, err := m.Evaluate(context.Background(), data.Val, model.Test{Views: views, From: from,
			Each: func(one model.Tested) error {
				if one.Index != from+len(all) {
					t.Errorf("image %d comes as number %d from %d on", one.Index, len(all), from)
				}
				all = append(all, slices.Clone(one.Activations[0]))
				return nil
			}})
		check(t, err)
		return all
	}
	centre, mean := rows(1, 0), rows(10, 0)
	if len(mean) != data.Val.Len() || furthest(mean[0], centre[0]) < 1e-3 {
		t.Errorf("%d rows of ten views, the first %v, of the centre %v", len(mean), mean[0], centre[0])
	}
	for i, row := range rows(1, 10) {
		if !slices.Equal(row, centre[10+i]) {
			t.Errorf("image %d, from 10 on: %v, want %v", 10+i, row, centre[10+i])
		}
	}
	boom := errors.New("boom")
	if _, err := m.Evaluate(context.Background(), data.Val, model.Test{Views: 1,
		Each: func(model.Tested) error { return boom }}); !errors.Is(err, boom) {
		t.Errorf("an error of Each gives %v", err)
	}
}

// TestKeepUnknown names the layers there are.
func TestKeepUnknown(t *testing.T) {
	c := config(t, onOne)
	s := c.Setup()
	s.Keep = []string{"fc9"}
	_, err := model.New(context.Background(), s, model.RandomInput(c.Data, 4), model.ForTesting, model.Hooks{})
	if missing, is := errors.AsType[*model.ErrNoLayer](err); !is || missing.Layer != "fc9" ||
		!slices.Contains(missing.Known, "conv1") {
		t.Errorf("a layer that is not there: %v", err)
	}
}
