package look_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/engine/look"
	"duet/engine/metrics"
)

// TestGrows: the curves of a run that grows are those of one that was read at once, however long it is bounded, and
// keep what is least and most.
func TestGrows(t *testing.T) {
	grown := look.Run{Name: two.Name, Batch: two.Batch}
	for _, s := range two.Steps {
		grown.AddStep(s)
	}
	for _, v := range two.Validations {
		grown.AddValidation(v)
	}
	for _, axis := range look.Axes {
		steps, validations := grown.Curves("loss", axis, 0.5)
		wantSteps, wantValidations := two.Curves("loss", axis, 0.5)
		if !slices.Equal(steps.X, wantSteps.X) || !slices.Equal(steps.Y, wantSteps.Y) ||
			!slices.Equal(validations.X, wantValidations.X) || !slices.Equal(validations.Y, wantValidations.Y) {
			t.Errorf("by %s: %v, %v, want %v, %v", axis, steps, validations, wantSteps, wantValidations)
		}
	}
	const count, peak = 200_000, 70_001
	long := look.Run{Batch: 1}
	for i := uint64(1); i <= count; i++ {
		s := metrics.Step{Step: i, Loss: 2 + math.Sin(float64(i)), ImagesPerSecond: 10, TrainTop1Error: metrics.Of(0.5)}
		if i == peak {
			s.Loss, s.TrainTop1Error = 9, metrics.Of(0)
		}
		long.AddStep(s)
		long.AddValidation(metrics.Validation{Step: i, Loss: s.Loss})
	}
	if n, m := len(long.Steps), len(long.Validations); n > 1<<14 || n < 1000 || m > 1<<14 || m < 1000 {
		t.Errorf("%d steps and %d validations are kept", n, m)
	}
	loss, validations := long.Curves("loss", "hour", 0)
	wrong, _ := long.Curves("error", "step", 0)
	if slices.Max(loss.Y) != 9 || slices.Max(validations.Y) != 9 || slices.Min(wrong.Y) != 0 {
		t.Errorf("the peak is lost: loss %v, %v, error %v", slices.Max(loss.Y), slices.Max(validations.Y),
			slices.Min(wrong.Y))
	}
	if last := loss.X[len(loss.X)-1]; math.Abs(last-count/10./3600) > 1e-6 || !slices.IsSorted(loss.X) {
		t.Errorf("it has trained for %v hours, want %v", last, count/10./3600)
	}
}

func TestWithin(t *testing.T) {
	c := look.Curve{X: []float64{1, 2, 3, 4, 5, 6}, Y: []float64{1, 2, 3, 4, 5, 6}}
	for _, one := range []struct {
		from, to float64
		want     []float64
	}{{3, 4, []float64{2, 3, 4, 5}}, {2.5, 2.6, []float64{2, 3}}, {0, 9, c.X}, {-2, -1, []float64{1}},
		{8, 9, []float64{6}}} {
		if got := c.Within(one.from, one.to); !slices.Equal(got.X, one.want) || !slices.Equal(got.Y, one.want) {
			t.Errorf("from %v to %v: %v, want %v", one.from, one.to, got, one.want)
		}
	}
}

// TestInline: a chart for a page has no styles in its elements, its texts are escaped, and the frame is where the
// curve's ends are.
func TestInline(t *testing.T) {
	c := look.Chart{X: "step", Y: "loss", Curves: []look.Curve{
		{Name: `<script style="x">`, X: []float64{10, 30}, Y: []float64{1, 5}}}}
	svg, f, err := c.Inline(600, 270)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(svg, []byte("<svg ")) || bytes.Contains(svg, []byte(` style="`)) ||
		bytes.Contains(svg, []byte("<script")) || !bytes.Contains(svg, []byte("&lt;script")) ||
		!bytes.Contains(svg, []byte(`font-size="9px"`)) {
		t.Errorf("%s", svg)
	}
	var line string
	for _, one := range strings.Split(string(svg), "\n") {
		if strings.Contains(one, strings.ToUpper(look.Colour(0))) {
			line = one
			break
		}
	}
	const unit, near = 0.75, 0.1 // points a pixel; of a pixel
	n := numbers(t, line[:strings.Index(line, "fill")])
	want := []float64{f.Left * unit, (f.Height - f.Bottom) * unit, f.Right * unit, (f.Height - f.Top) * unit}
	for i := range want {
		if !(math.Abs(n[i]-want[i]) < near) {
			t.Errorf("the curve is at %v, its frame's corners at %v", n, want)
			break
		}
	}
	if f.X != [2]float64{10, 30} || f.Y != [2]float64{1, 5} {
		t.Errorf("axes %v, %v", f.X, f.Y)
	}
	c.From, c.To = 20, 30
	if _, f, err = c.Inline(600, 270); err != nil || f.X != [2]float64{20, 30} {
		t.Errorf("a part of the axis: %v, %v", f.X, err)
	}
	c.From, c.To = 9e18, 9.000000000000001e18
	if _, _, err = c.Inline(600, 270); err != nil {
		t.Error(err)
	}
}
