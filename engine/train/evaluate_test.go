package train_test

import (
	"context"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"slices"
	"testing"

	"duet/engine/checkpoint"
	"duet/engine/train"
)

// writePNG draws a small picture.
func writePNG(t *testing.T, path string, shade uint8, striped bool) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 24, 24))
	for y := range 24 {
		for x := range 24 {
			c := color.RGBA{shade * 9, 90, 40, 255}
			if striped && x/3%2 == 0 {
				c.G = 220
			}
			img.SetRGBA(x, y, c)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// trained is a network after a few steps, for testing at some batch, with its data.
func trained(t *testing.T, r *runs, batch string, sets ...string) (*train.Model, *train.Data) {
	t.Helper()
	if _, err := os.Stat(r.path("run")); err != nil {
		_, err := r.train(context.Background(), "run", onTwo)
		r.check(err)
	}
	f, _, _, err := r.store("run").Latest()
	r.check(err)
	p := parts(r.config(append(sets, onOne, "train.batch="+batch)...))
	data, err := train.OpenData(context.Background(), p.Data, train.DataHooks{})
	r.check(err)
	in, err := train.InputFrom(f)
	r.check(err)
	m, err := train.NewModel(p, in, train.ForTesting)
	r.check(err)
	r.check(m.Restore(f))
	t.Cleanup(func() {
		r.check(m.Close())
		r.check(data.Close())
	})
	return m, data
}

// sumTol allows for probabilities of fp32 that are added in another order.
const sumTol = 1e-6

// testOn computes what Evaluate should find from probabilities.
func testOn(probs [][]float64, labels []int32) train.Result {
	r := train.Result{Images: len(labels)}
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

func alike(a, b train.Result) bool {
	return a.Images == b.Images && math.Abs(a.Top1Error-b.Top1Error) <= sumTol && math.Abs(a.Top5Error-b.Top5Error) <= sumTol &&
		math.Abs(a.Loss-b.Loss) <= sumTol
}

// TestEvaluate compares evaluations, with one view and ten, at batches that divide the set and that do not, with what
// Predict says of each image alone.
func TestEvaluate(t *testing.T) {
	r := newRuns(t)
	single, _ := trained(t, r, "1")
	for _, views := range []int{1, 10} {
		var want train.Result
		for _, batch := range []string{"7", "24", "32", "1"} {
			m, data := trained(t, r, batch)
			if want.Images == 0 {
				var probs [][]float64
				for i := range data.Val.Len() {
					p, err := single.Predict([][]byte{data.Val.Stored(i)}, views)
					r.check(err)
					probs = append(probs, p[0])
				}
				want = testOn(probs, data.Val.Labels())
			}
			var told []int
			got, err := m.Evaluate(context.Background(), data.Val, views, func(done, total int) {
				if told = append(told, done); total != 24 {
					t.Errorf("%d of %d images", done, total)
				}
			})
			r.check(err)
			if !alike(got, want) {
				t.Errorf("%d views, batch %s: %+v, want %+v", views, batch, got, want)
			}
			if !slices.IsSorted(told) || told[len(told)-1] != 24 {
				t.Errorf("%d views, batch %s: progress %v", views, batch, told)
			}
		}
	}
}

// TestTenViews: the ten views are the corners, the centre and their mirror images. Each is cut out here, pasted into the
// middle of a picture and shown to the network alone.
func TestTenViews(t *testing.T) {
	const side, crop, border = 24, 20, 2
	r := newRuns(t)
	m, data := trained(t, r, "10")
	for i := range 5 {
		whole := data.Val.Stored(i)
		var views [][]byte
		for _, corner := range [][2]int{{0, 0}, {0, side - crop}, {side - crop, 0}, {side - crop, side - crop}, {border, border}} {
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
		each, err := m.Predict(views, 1)
		r.check(err)
		got, err := m.Predict([][]byte{whole}, 10)
		r.check(err)
		spread := 0.
		for k := range got[0] {
			mean := 0.
			for _, p := range each {
				mean += p[k] / 10
				spread = max(spread, math.Abs(p[k]-each[0][k]))
			}
			if !(math.Abs(got[0][k]-mean) <= sumTol) {
				t.Errorf("image %d, class %d: %v, want %v", i, k, got[0][k], mean)
			}
		}
		if spread < 10*sumTol {
			t.Errorf("image %d: all views look the same", i)
		}
	}
}

func TestPredict(t *testing.T) {
	r := newRuns(t)
	m, data := trained(t, r, "4")
	var images [][]byte
	for i := range 6 { // a batch and a half
		images = append(images, data.Val.Stored(i))
	}
	all, err := m.Predict(images, 1)
	r.check(err)
	for i, image := range images {
		one, err := m.Predict([][]byte{image}, 1)
		r.check(err)
		sum := 0.
		for k, p := range one[0] {
			sum += p
			if !(math.Abs(p-all[i][k]) <= sumTol) {
				t.Errorf("image %d, class %d: %v alone, %v among others", i, k, p, all[i][k])
			}
		}
		if !(math.Abs(sum-1) <= sumTol) || len(one[0]) != 4 {
			t.Errorf("image %d: %v", i, one[0])
		}
	}
	if _, err := m.Predict([][]byte{make([]byte, 5)}, 1); err == nil {
		t.Error("an image of another size was taken")
	}
	if p, err := m.Predict(nil, 1); err != nil || len(p) != 0 {
		t.Errorf("no images: %v, %v", p, err)
	}
}

func TestEvaluateInterrupted(t *testing.T) {
	r := newRuns(t)
	m, data := trained(t, r, "4")
	if _, err := m.Evaluate(newCountdown(3), data.Val, 10, nil); err == nil || err.Error() != context.Canceled.Error() {
		t.Errorf("%v, want context.Canceled", err)
	}
	if _, err := m.Evaluate(context.Background(), data.Val, 1, nil); err != nil { // and the model still works
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
		if got := train.Rank(c.probs, c.class); got != c.want && !(c.probs[c.class] != c.probs[c.class] && got >= 1) {
			t.Errorf("rank of class %d in %v: %d, want %d", c.class, c.probs, got, c.want)
		}
	}
}

// TestPlainRun: without shuffling, augmentation and dropout, and with a checkpoint at step 0, another program can follow
// a run. Here the loss of each step is computed from the checkpoint before it and the images in their order.
func TestPlainRun(t *testing.T) {
	r := newRuns(t)
	sets := []string{onTwo, "data.shuffle=false", "data.random_crop=false", "data.mirror=false", "network.layers.drop4.drop_rate=0",
		"train.checkpoint_start=true", "train.checkpoint_steps=1", "train.max_steps=6", "train.keep=9", "train.validate_steps=0"}
	_, err := r.train(context.Background(), "run", sets...)
	r.check(err)
	_, err = r.train(context.Background(), "again", sets...)
	r.check(err)
	r.same("run", "again", 0)
	r.same("run", "again", 6)
	m, data := trained(t, r, "16", "network.layers.drop4.drop_rate=0")
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
		probs, err := m.Predict(images, 1)
		r.check(err)
		if want := testOn(probs, labels).Loss; !(math.Abs(steps[step].Loss-want) <= 1e-5) {
			t.Errorf("step %d: loss %v, want %v", step+1, steps[step].Loss, want)
		}
	}
}

// gradTol is what symbolic and numeric gradients in fp64 may differ by.
const gradTol = 1e-4

func TestGradCheck(t *testing.T) {
	r := newRuns(t)
	for _, placement := range []string{onOne, onTwo} {
		p := parts(r.config(placement, "train.batch=2"))
		checks, err := train.GradCheck(context.Background(), p, train.RandomInput(p, 4), 3, nil)
		r.check(err)
		if len(checks) != 10 { // weights and biases of three convolutions and two linear layers
			t.Errorf("%d parameters were checked, want 10", len(checks))
		}
		samples, faint := 0, 0
		for _, c := range checks {
			samples, faint = samples+c.Samples, faint+c.Faint
			if !(c.Worst <= gradTol) {
				t.Errorf("%s: %s differs by %v", placement, c.Param, c.Worst)
			}
		}
		if samples < 20 || faint > samples/4 {
			t.Errorf("%s: only %d of 30 samples were no kinks, and %d of them faint", placement, samples, faint)
		}
	}
}
