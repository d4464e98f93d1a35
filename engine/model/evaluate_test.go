package model_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"duet/dataloader"
	"duet/engine/checkpoint"
	"duet/engine/model"
	"duet/engine/train"
)

// learned is what a checkpoint holds of the small network after a few steps.
type learned struct {
	*checkpoint.File
	set string
}

func learn(t *testing.T) learned {
	t.Helper()
	l := learned{set: set(t)}
	c := config(t, onTwo, l.set)
	data := open(t, c)
	m := newModel(t, c, model.InputOf(data.Train, c.Data), model.ForTraining)
	check(t, m.Initialise(1))
	loader := dataloader.NewTrainLoader(data.Train, c.Data, m.Batch, 1, 0, m.Allocate)
	for step := range uint64(12) {
		b, err := loader.Next(context.Background())
		check(t, err)
		check(t, m.Step(b, step, 0.01))
		check(t, loader.Release(b))
	}
	tensors, err := m.Tensors()
	check(t, err)
	check(t, loader.Close())
	extra, err := m.Input.Metadata(nil)
	check(t, err)
	l.File = &checkpoint.File{Tensors: tensors, Meta: checkpoint.Meta{Extra: extra}}
	return l
}

// tester is the network at some batch, with its data.
func (l learned) tester(t *testing.T, batch string) (*model.Model, *train.Data) {
	t.Helper()
	c := config(t, onOne, "train.batch="+batch, l.set)
	in, err := model.InputFrom(l.File)
	check(t, err)
	m := newModel(t, c, in, model.ForTesting)
	check(t, m.Restore(l.File))
	return m, open(t, c)
}

// sumTol allows for probabilities of fp32 that are added in another order.
const sumTol = 1e-6

// testOn computes what Evaluate should find from probabilities.
func testOn(probs [][]float64, labels []int32) model.Result {
	r := model.Result{Images: len(labels)}
	for i, label := range labels {
		better := 0
		for _, p := range probs[i] {
			if p > probs[i][label] {
				better++
			}
		}
		n := float64(len(labels))
		if better >= 1 {
			r.Top1Error += 1 / n
		}
		if better >= 5 {
			r.Top5Error += 1 / n
		}
		r.Loss -= math.Log(probs[i][label]) / n
	}
	return r
}

func alike(a, b model.Result) bool {
	return a.Images == b.Images && math.Abs(a.Top1Error-b.Top1Error) <= sumTol &&
		math.Abs(a.Top5Error-b.Top5Error) <= sumTol &&
		math.Abs(a.Loss-b.Loss) <= sumTol
}

// TestEvaluate compares evaluations, with one view and ten, at batches that divide the set and that do not, with what
// Predict says of each image alone.
func TestEvaluate(t *testing.T) {
	l := learn(t)
	single, _ := l.tester(t, "1")
	for _, views := range []int{1, 10} {
		var want model.Result
		for _, batch := range []string{"7", "24", "32", "1"} {
			m, data := l.tester(t, batch)
			if want.Images == 0 {
				var probs [][]float64
				for i := range data.Val.Len() {
					p, err := single.Predict(context.Background(), [][]byte{data.Val.Stored(i)}, views)
					check(t, err)
					probs = append(probs, p[0].Probs)
				}
				want = testOn(probs, data.Val.Labels())
			}
			var told []int
			got, err := m.Evaluate(context.Background(), data.Val, model.Test{Views: views, Progress: func(done, total int) {
				if told = append(told, done); total != 24 {
					t.Errorf("%d of %d images", done, total)
				}
			}})
			check(t, err)
			if !alike(got, want) {
				t.Errorf("%d views, batch %s: %+v, want %+v", views, batch, got, want)
			}
			if !slices.IsSorted(told) || told[len(told)-1] != 24 {
				t.Errorf("%d views, batch %s: progress %v", views, batch, told)
			}
		}
	}
}

// TestTenViews: the ten views are the corners, the centre and their mirror images. Each is cut out here, pasted into
// the middle of a picture and shown to the network alone.
func TestTenViews(t *testing.T) {
	const side, crop, border = 24, 20, 2
	m, data := learn(t).tester(t, "10")
	for i := range 5 {
		whole := data.Val.Stored(i)
		var views [][]byte
		for _, corner := range [][2]int{{0, 0}, {0, side - crop}, {side - crop, 0}, {side - crop, side - crop},
			{border, border}} {
			for _, mirror := range []bool{false, true} {
				view := make([]byte, side*side*3)
				for y := range crop {
					for x := range crop {
						from := x
						if mirror {
							from = crop - 1 - x
						}
						at, to := ((corner[0]+y)*side+corner[1]+from)*3, ((border+y)*side+border+x)*3
						copy(view[to:to+3], whole[at:at+3])
					}
				}
				views = append(views, view)
			}
		}
		each, err := m.Predict(context.Background(), views, 1)
		check(t, err)
		got, err := m.Predict(context.Background(), [][]byte{whole}, 10)
		check(t, err)
		spread := 0.
		for k, is := range got[0].Probs {
			mean := 0.
			for _, p := range each {
				mean += p.Probs[k] / 10
				spread = max(spread, math.Abs(p.Probs[k]-each[0].Probs[k]))
			}
			if !(math.Abs(is-mean) <= sumTol) {
				t.Errorf("image %d, class %d: %v, want %v", i, k, is, mean)
			}
		}
		if spread < 10*sumTol {
			t.Errorf("image %d: all views look the same", i)
		}
	}
}

func TestPredict(t *testing.T) {
	m, data := learn(t).tester(t, "4")
	var images [][]byte
	for i := range 6 { // a batch and a half
		images = append(images, data.Val.Stored(i))
	}
	all, err := m.Predict(context.Background(), images, 1)
	check(t, err)
	for i, image := range images {
		one, err := m.Predict(context.Background(), [][]byte{image}, 1)
		check(t, err)
		sum := 0.
		for k, p := range one[0].Probs {
			sum += p
			if among := all[i].Probs[k]; !(math.Abs(p-among) <= sumTol) {
				t.Errorf("image %d, class %d: %v alone, %v among others", i, k, p, among)
			}
		}
		if !(math.Abs(sum-1) <= sumTol) || len(one[0].Probs) != 4 {
			t.Errorf("image %d: %v", i, one[0].Probs)
		}
	}
	if _, err := m.Predict(context.Background(), [][]byte{make([]byte, 5)}, 1); err == nil {
		t.Error("an image of another size was taken")
	}
	if p, err := m.Predict(context.Background(), nil, 1); err != nil || len(p) != 0 {
		t.Errorf("no images: %v, %v", p, err)
	}
}

func TestEvaluateInterrupted(t *testing.T) {
	m, data := learn(t).tester(t, "4")
	if _, err := m.Evaluate(few(3), data.Val, model.Test{Views: 10}); !errors.Is(err, errEnough) {
		t.Errorf("%v, want the error of the context", err)
	}
	// and the model still works
	if _, err := m.Evaluate(context.Background(), data.Val, model.Test{Views: 1}); err != nil {
		t.Error(err)
	}
}

func TestRank(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		probs []float64
		class int
		want  int
	}{
		{[]float64{0.1, 0.7, 0.2}, 1, 0}, {[]float64{0.1, 0.7, 0.2}, 2, 1}, {[]float64{0.1, 0.7, 0.2}, 0, 2},
		{[]float64{0.5, 0.5}, 0, 0}, {[]float64{0.5, 0.5}, 1, 1},
		{[]float64{nan, 0.5}, 1, 1}, {[]float64{nan, nan, nan}, 0, 2}, {[]float64{0.5, nan, 0.1}, 1, 2},
	} {
		if got := model.Rank(c.probs, c.class); got != c.want && !(c.probs[c.class] != c.probs[c.class] && got >= 1) {
			t.Errorf("rank of class %d in %v: %d, want %d", c.class, c.probs, got, c.want)
		}
	}
}

// gradTol is what symbolic and numeric gradients in fp64 may differ by.
const gradTol = 1e-4

func TestGradCheck(t *testing.T) {
	for _, placement := range []string{onOne, onTwo} {
		c := config(t, placement, "train.batch=2")
		checks, err := model.GradCheck(context.Background(), c.Setup(), model.RandomInput(c.Data, 4), 3, nil)
		check(t, err)
		if len(checks) != 10 { // weights and biases of three convolutions and two linear layers
			t.Errorf("%d parameters were checked, want 10", len(checks))
		}
		samples, faint, worst := 0, 0, 0.
		for _, c := range checks {
			samples, faint = samples+c.Samples, faint+c.Faint
			if !(c.Excess <= gradTol) {
				t.Errorf("%s: %s differs by %v beyond rounding", placement, c.Param, c.Excess)
			}
			worst = max(worst, c.Worst)
		}
		if samples < 20 || faint > samples/4 {
			t.Errorf("%s: only %d of 30 samples were no kinks, and %d of them faint", placement, samples, faint)
		}
		if !(worst > 0 && worst <= gradTol) { // there is rounding
			t.Errorf("%s: the worst relative difference is %v", placement, worst)
		}
	}
}
