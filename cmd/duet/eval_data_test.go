package main

import (
	"strings"
	"testing"
)

// TestEvalWhole: other data without a validation split is tested whole, and a line says so; --split val asks for a
// split.
func TestEvalWhole(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.photos("mine")
	// As options of the run's own data, none of these are of other data.
	own := sets("data.path=photos", "data.packed=own", "data.size=24", "data.val_fraction=0.3", "data.per_class=6",
		"data.seed=4", "train.batch=4", "train.max_steps=1")
	p.works(trainArgs("run", own...)...)
	best := p.path("runs", "run", "checkpoints", "best.safetensors")
	p.works("prepare", "mine", "unsplit", "--size", "24", "--val-fraction", "0")
	p.works("prepare", "mine", "split", "--size", "24", "--val-fraction", "0.2")
	p.write(p.read("mine", "down", "0.png"), "splits", "val", "down", "0.png")
	for _, class := range []string{"across", "down"} {
		p.write(p.read("mine", class, "0.png"), "splits", "train", class, "0.png")
	}
	for _, c := range []struct {
		data, images string
		whole        bool
	}{
		{"mine", "20", true},
		{"unsplit", "20", true},
		{"split", "4", false},
		{"splits", "1", false},
	} {
		line := c.data + " has no validation split: testing all its 20 images\n"
		r := p.works("eval", best, "--data", c.data)
		if strings.HasPrefix(r.stdout, line) != c.whole || !strings.Contains(r.stdout, "images       "+c.images+"\n") {
			t.Errorf("%s: eval prints %q", c.data, r.stdout)
		}
		var result struct{ Images int }
		r = p.works("eval", best, "--data", c.data, "--json")
		if p.object(r, &result); strings.Contains(r.stderr, line) != c.whole {
			t.Errorf("%s: eval --json says %q", c.data, r.stderr)
		}
	}
	for _, data := range []string{"mine", "unsplit"} {
		p.refused(exitFailed, []string{data + " has no validation split", "--split train"}, "eval", best, "--data", data,
			"--split", "val")
		if r := p.works("eval", best, "--data", data, "--split", "train"); strings.Contains(r.stdout, "has no") ||
			!strings.Contains(r.stdout, "images       20\n") {
			t.Errorf("%s: eval --split train prints %q", data, r.stdout)
		}
	}
	p.works("prepare", "mine", "large", "--size", "40")
	p.refused(exitFailed, []string{"large", "40 x 40", "--size 24"}, "eval", best, "--data", "large")
	if r := p.works("eval", best); !strings.Contains(r.stdout, "images       6\n") { // 3 of each class of 10
		t.Errorf("the run's own data: %q", r.stdout)
	}
}
