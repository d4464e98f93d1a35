package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"duet"
	"duet/engine/model"
)

// TestEnsemble: the mean of three networks' probabilities is what counts, and networks that have none are refused.
func TestEnsemble(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24", "--val-fraction", "0.4")
	p.works("prepare", "photos", "other", "--size", "24", "--val-fraction", "0.2")
	data := sets("data.path=set", "train.batch=4", "train.max_steps=3")
	p.works(trainArgs("a", data...)...)
	p.works(trainArgs("b", append(data, sets("train.seed=9")...)...)...)
	p.works(trainArgs("c", append(data, sets("train.seed=10")...)...)...)
	p.works(trainArgs("elsewhere", append(data, sets("data.path=other")...)...)...)
	runs := []string{"runs/a", "runs/b", "runs/c"}
	var mean [][]float64
	var labels []int
	for _, run := range runs {
		c, err := duet.Open(p.path(run), duet.OpenOptions{Devices: []string{"reference:0"}})
		p.check(err)
		set, err := c.OpenTestSet(context.Background(), p.path("set"), duet.EvaluateOptions{})
		p.check(err)
		if mean == nil {
			mean, labels = make([][]float64, set.Len()), make([]int, set.Len())
		}
		_, err = set.Test(context.Background(), 0, func(one model.Tested) error {
			if labels[one.Index] = one.Label; mean[one.Index] == nil {
				mean[one.Index] = make([]float64, len(one.Probs))
			}
			for class, x := range one.Probs {
				mean[one.Index][class] += x / float64(len(runs))
			}
			return nil
		})
		p.check(err)
		p.check(set.Close())
		p.check(c.Close())
	}
	loss, wrong := 0.0, 0.0
	for i, probs := range mean {
		loss -= math.Log(probs[labels[i]]) / float64(len(mean))
		for class, x := range probs {
			if x > probs[labels[i]] || x == probs[labels[i]] && class < labels[i] {
				wrong += 1 / float64(len(mean))
				break
			}
		}
	}
	var got struct {
		Images int     `json:"images"`
		Top1   float64 `json:"top1_error"`
		Loss   float64 `json:"loss"`
	}
	p.object(p.works(append([]string{"eval", "--json", "--devices", "reference:0"}, runs...)...), &got)
	if got.Images != len(mean) || math.Abs(got.Loss-loss) > 1e-6 || math.Abs(got.Top1-wrong) > 1e-12 {
		t.Errorf("got %+v, want %d images, loss %v, error %v", got, len(mean), loss, wrong)
	}
	p.refused(exitFailed, []string{"runs/elsewhere/", "other images than runs/a/", "--data"}, "eval", "runs/a",
		"runs/elsewhere")
	p.works("eval", "runs/a", "runs/elsewhere", "--data", "set")
	p.photos("otherwise")
	p.check(os.Rename(p.path("otherwise", "down"), p.path("otherwise", "below")))
	p.works("prepare", "otherwise", "below", "--size", "24", "--val-fraction", "0.4")
	p.works(trainArgs("below", append(data, sets("data.path=below")...)...)...)
	p.refused(exitFailed, []string{"runs/below/", "other classes than runs/a/"}, "eval", "runs/a", "runs/below",
		"--data", "set", "--known-classes")
}

// TestPredictTogether: several checkpoints before the images give the mean of what each gives alone.
func TestPredictTogether(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24", "--val-fraction", "0.4")
	data := sets("data.path=set", "train.batch=4", "train.max_steps=3")
	for i, run := range []string{"a", "b", "c"} {
		p.works(trainArgs(run, append(data, sets(fmt.Sprintf("train.seed=%d", i))...)...)...)
	}
	p.check(os.Rename(p.path("runs", "c", "checkpoints", "best.safetensors"), p.path("plainly named")))
	probs := func(checkpoints ...string) map[string]map[string]float64 {
		var all []prediction
		p.object(p.works(slices.Concat([]string{"predict"}, checkpoints, []string{"photos", "photos/down/0.png", "--json",
			"--devices", "reference:0"})...), &all)
		found := map[string]map[string]float64{}
		for _, one := range all {
			found[one.Image] = map[string]float64{}
			for i, g := range one.Guesses {
				if found[one.Image][g.Class] = float64(g.Probability); i > 0 && g.Probability > one.Guesses[i-1].Probability {
					t.Errorf("%v of %s: %v is not in order", checkpoints, one.Image, one.Guesses)
				}
			}
		}
		return found
	}
	a, b, c := probs("runs/a"), probs("runs/b"), probs("plainly named")
	if len(a) < 4 || len(a["photos/down/0.png"]) < 2 || a["photos/down/0.png"]["down"] == b["photos/down/0.png"]["down"] {
		t.Fatalf("%v, %v", a, b)
	}
	for _, together := range []struct {
		checkpoints []string
		of          []map[string]map[string]float64
	}{
		{[]string{"runs/a", "runs/b/checkpoints/best.safetensors"}, []map[string]map[string]float64{a, b}},
		{[]string{"runs/a", "runs/b/checkpoints", "plainly named"}, []map[string]map[string]float64{a, b, c}},
	} {
		got := probs(together.checkpoints...)
		for image, classes := range a {
			for class := range classes {
				mean := 0.0
				for _, one := range together.of {
					mean += one[image][class] / float64(len(together.of))
				}
				if !(math.Abs(got[image][class]-mean) <= 1e-7) { // the sum of the first ones is a float32
					t.Errorf("%v: %s of %s has %v, want %v", together.checkpoints, class, image, got[image][class], mean)
				}
			}
		}
	}
	p.refused(exitUsage, []string{"runs/b is a checkpoint too", "want an IMAGE after"}, "predict", "runs/a", "runs/b")
	p.refused(exitFailed, []string{"open none.safetensors", "no such file"}, "predict", "runs/a", "none.safetensors",
		"photos/down/0.png")
	p.write([]byte("no image"), "photos", "down", "text.jpg")
	r := p.duet("predict", "runs/a", "runs/b", "photos/down/text.jpg", "photos/down/0.png")
	p.failed(r, exitFailed, []string{"text.jpg"})
	if strings.Count(r.stderr, "text.jpg") != 1 || !strings.Contains(r.stdout, "photos/down/0.png") {
		t.Errorf("%s\n%s", r.stdout, r.stderr)
	}
	p.check(os.Rename(p.path("photos", "down"), p.path("photos", "below")))
	p.works("prepare", "photos", "below", "--size", "24", "--val-fraction", "0.4")
	p.works(trainArgs("below", append(data, sets("data.path=below")...)...)...)
	p.refused(exitFailed, []string{"runs/below/", "other classes than runs/a/"}, "predict", "runs/a", "runs/below",
		"photos/below/0.png")
}
