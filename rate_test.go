package duet_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"duet"
	"duet/internal/invalid"
)

// TestFindRate: rates grow by one factor from the first to the last, the first loss is that of a training's first step,
// and the test ends where the loss explodes.
func TestFindRate(t *testing.T) {
	dir, _ := trained(t)
	config := tiny(t, dir)
	before := string(config.TOML())
	r, err := duet.FindRate(context.Background(), config, duet.RateOptions{Least: 1e-4, Most: 1e3, Steps: 40})
	check(t, err)
	n := len(r.Points)
	if n < 10 || n == 40 {
		t.Errorf("%d steps up to a rate of 1000", n)
	}
	factor := math.Pow(1e7, 1./39)
	least, at := math.Inf(1), 0.
	for i, p := range r.Points {
		if want := 1e-4 * math.Pow(factor, float64(i)); !(math.Abs(p.Rate/want-1) <= 1e-9) {
			t.Errorf("step %d: rate %v, want %v", i, p.Rate, want)
		}
		if p.Smoothed < least {
			least, at = p.Smoothed, p.Rate
		}
	}
	if last := r.Points[n-1].Smoothed; last <= 4*least && !math.IsNaN(last) {
		t.Errorf("it ended at a loss of %v, the least is %v", last, least)
	}
	if r.Least != at || r.Suggested != at/10 || !(r.Steepest > 0 && r.Steepest < at) {
		t.Errorf("least at %v, suggested %v, steepest %v; want the least at %v", r.Least, r.Suggested, r.Steepest, at)
	}
	var first float64
	_, err = duet.Train(context.Background(), config, duet.TrainOptions{Runs: t.TempDir(), Step: func(s duet.Step) error {
		first = s.Loss
		return errors.New("enough")
	}})
	if err == nil || first != r.Points[0].Loss {
		t.Errorf("the first loss is %v, a training's %v (%v)", r.Points[0].Loss, first, err)
	}
	if string(config.TOML()) != before {
		t.Error("the configuration was changed")
	}
	for want, o := range map[string]duet.RateOptions{"at least 10": {Steps: 5},
		"two numbers above 0": {Least: 2, Most: 1}} {
		_, err := duet.FindRate(context.Background(), config, o)
		if bad, is := errors.AsType[*invalid.Error](err); !is || !strings.Contains(bad.Why, want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}
