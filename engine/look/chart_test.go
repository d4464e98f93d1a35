package look_test

import (
	"math"
	"slices"
	"testing"

	"duet/engine/look"
	"duet/engine/metrics"
)

func TestSmooth(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		weight  float64
		y, want []float64
	}{
		{0, []float64{3, 1, 2}, []float64{3, 1, 2}},
		{0.5, []float64{2, 5}, []float64{2, 4}}, // (1/4*2 + 1/2*5) / (3/4)
		{0.9, []float64{7, 7, 7}, []float64{7, 7, 7}},
		{0.5, []float64{2, nan, 5}, []float64{2, nan, 4}},
	} {
		got := look.Smooth(c.y, c.weight)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool {
			return math.Abs(a-b) < 1e-12 || math.IsNaN(a) && math.IsNaN(b)
		}) {
			t.Errorf("%v by %v: %v, want %v", c.y, c.weight, got, c.want)
		}
	}
}

// two is a run of steps 2 and 4 of 50 images, at 100 and 25 images a second, with a validation after each.
var two = look.Run{Name: "r", Batch: 50,
	Steps: []metrics.Step{{Step: 2, Epoch: 0.5, Loss: 3, LearningRate: 0.1, ImagesPerSecond: 100,
		TrainTop1Error: metrics.Of(0.75)}, {Step: 4, Epoch: 1, Loss: 2, LearningRate: 0.2, ImagesPerSecond: 25}},
	Validations: []metrics.Validation{{Step: 2, Epoch: 0.5, Loss: 2.5, Top1Error: 0.5},
		{Step: 4, Epoch: 1, Loss: 1.5, Top1Error: 0.25}}}

func TestCurves(t *testing.T) {
	for axis, want := range map[string][]float64{"step": {2, 4}, "epoch": {0.5, 1}, "hour": {1. / 3600, 5. / 3600}} {
		steps, validations := two.Curves("loss", axis, 0)
		if !slices.Equal(steps.X, want) || !slices.Equal(validations.X, want) {
			t.Errorf("by %s: steps at %v, validations at %v, want %v", axis, steps.X, validations.X, want)
		}
		if !slices.Equal(steps.Y, []float64{3, 2}) || !slices.Equal(validations.Y, []float64{2.5, 1.5}) {
			t.Errorf("loss %v, %v", steps.Y, validations.Y)
		}
	}
	steps, validations := two.Curves("error", "step", 0)
	if steps.Y[0] != 75 || !math.IsNaN(steps.Y[1]) || validations.Y[1] != 25 {
		t.Errorf("errors %v, %v", steps.Y, validations.Y)
	}
	for _, of := range look.Measures {
		steps, validations := two.Curves(of, "step", 0)
		if len(steps.X)+len(validations.X) == 0 || len(steps.X) != len(steps.Y) {
			t.Errorf("%s: %v, %v", of, steps, validations)
		}
	}
}

func TestCharts(t *testing.T) {
	other := two
	other.Name = "s"
	p, err := look.Charts(look.Plot([]look.Run{two, other}, look.Measures, "epoch", 0.9))
	if err != nil {
		t.Fatal(err)
	}
	d := draw(t, p)
	count := map[string]int{}
	for _, l := range d.labels {
		count[l.text]++
	}
	if count["epoch"] != len(look.Measures) || count["r"] != 4 || count["s, validation"] != 3 ||
		count["learning rate"] != 1 {
		t.Errorf("labels %v", count)
	}
	for _, c := range [][]float64{nil, {math.NaN()}, {math.Inf(1), 1}, {5}, {5, 5}, {-1e300, 1e300}} {
		x := make([]float64, len(c))
		for i := range x {
			x[i] = float64(i)
		}
		p, err := look.Charts([]look.Chart{{Curves: []look.Curve{{Name: "a", X: x, Y: c}}}})
		if err == nil {
			_, err = p.Encode(".svg")
		}
		if err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// Of a curve of very many points the extremes are drawn, and no more points than can be seen.
func TestManyPoints(t *testing.T) {
	const n = 1_000_000
	x, y := make([]float64, n), make([]float64, n)
	for i := range x {
		x[i], y[i] = float64(i), math.Sin(float64(i)/1000)
	}
	y[123456], y[654321] = 100, -100
	p, err := look.Charts([]look.Chart{{Curves: []look.Curve{{X: x, Y: y}}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Encode(".svg")
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 100_000 {
		t.Errorf("%d bytes", len(b))
	}
	ticks := map[string]bool{}
	for _, l := range draw(t, p).labels {
		ticks[l.text] = true
	}
	if !ticks["100"] || !ticks["-100"] {
		t.Errorf("the axis has %v", ticks)
	}
}
