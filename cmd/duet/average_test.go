package main

import (
	"math"
	"strings"
	"testing"

	"duet"
)

// TestAverage: every weight is the mean of the others', and what has no mean is refused.
func TestAverage(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24")
	data := sets("data.path=set", "train.batch=4", "train.max_steps=3")
	p.works(trainArgs("a", data...)...)
	p.works(trainArgs("b", append(data, sets("train.seed=9")...)...)...)
	p.works(trainArgs("c", append(data, sets("data.scale=0.5")...)...)...)
	p.works(trainArgs("d", append(data, sets("network.layers.conv2.maps=12")...)...)...)
	p.works("average", "runs/a", "runs/b", "runs/a/checkpoints/best.safetensors", "--out", "mean.safetensors")
	a, err := duet.ReadCheckpoint(p.path("runs/a"))
	p.check(err)
	b, err := duet.ReadCheckpoint(p.path("runs/b"))
	p.check(err)
	mean, err := duet.ReadCheckpoint(p.path("mean.safetensors"))
	p.check(err)
	for _, x := range a.File.Tensors {
		y, _ := b.File.Tensor(x.Name)
		m, _ := mean.File.Tensor(x.Name)
		for i := range x.Data {
			want := (2*float64(x.Data[i]) + float64(y.Data[i])) / 3
			if strings.HasPrefix(x.Name, "momentum.") {
				want = 0
			}
			if math.Abs(float64(m.Data[i])-want) > 1e-7*math.Abs(want) { // rounded to float32 once
				t.Fatalf("%s[%d] is %v, want %v", x.Name, i, m.Data[i], want)
			}
		}
	}
	p.works("eval", "mean.safetensors", "--data", "set")
	p.refused(exitFailed, []string{"runs/c/", "another mean or scale"}, "average", "runs/a", "runs/c", "--out", "x")
	p.refused(exitFailed, []string{"runs/d/", "conv2.weight"}, "average", "runs/a", "runs/d", "--out", "x")
	p.refused(exitUsage, []string{"no --out"}, "average", "runs/a")
	p.refused(exitUsage, []string{"mean.safetensors", "exists"}, "average", "runs/a", "--out", "mean.safetensors")
}
