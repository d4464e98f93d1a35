package dataloader_test

import (
	"image"
	"image/color"
	"math"
	"testing"

	"duet/dataloader"
)

// smooth is an image with the detail of a photograph rather than of noise.
func smooth(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			f := func(a, b float64) uint8 {
				return uint8(127 + 100*math.Sin(float64(x)/a)*math.Cos(float64(y)/b) + 20*math.Sin(float64(x*y)/900))
			}
			m.SetNRGBA(x, y, color.NRGBA{f(9, 31), f(23, 11), f(57, 5), 255})
		}
	}
	return m
}

func TestGeneratedClassesAreBalanced(t *testing.T) {
	dir, summary := prepare(t, "generated", dataloader.PrepareOptions{})
	if summary.Train != 8000 || summary.Val != 1000 || summary.Size != 40 || len(summary.Classes) != 10 {
		t.Fatalf("%+v", summary)
	}
	s := open(t, dir, "train")
	counts := make([]int, 10)
	for _, l := range s.Labels() {
		counts[l]++
	}
	for label, n := range counts {
		if n != 800 {
			t.Errorf("class %s has %d images, want 800", s.Classes()[label], n)
		}
	}
}

// A linear classifier fails on generated images: what a network learns on them, it learns by its convolutions. (A small
// two-tower network comes below 1 % error; that test is the training engine's.)
func TestGeneratedIsNotLinear(t *testing.T) {
	dir, _ := prepare(t, "generated", dataloader.PrepareOptions{
		Generated: dataloader.Generated{Classes: 10, Train: 2000, Val: 500, Size: 16}})
	train, val := open(t, dir, "train"), open(t, dir, "val")
	const pixels, classes, rate = 16 * 16 * 3, 10, 0.002
	var w [classes][pixels + 1]float64
	scores := func(image []byte) (p [classes]float64, best int) {
		sum := 0.
		for c := range p {
			z := w[c][pixels]
			for i, v := range image {
				z += w[c][i] * (float64(v)/127.5 - 1)
			}
			p[c] = math.Exp(z)
			sum += p[c]
			if p[c] > p[best] {
				best = c
			}
		}
		for c := range p {
			p[c] /= sum
		}
		return p, best
	}
	for range 8 {
		for i, label := range train.Labels() {
			p, _ := scores(train.Image(i))
			p[label]--
			for c := range p {
				for k, v := range train.Image(i) {
					w[c][k] -= rate * p[c] * (float64(v)/127.5 - 1)
				}
				w[c][pixels] -= rate * p[c]
			}
		}
	}
	wrong := 0
	for i, label := range val.Labels() {
		if _, best := scores(val.Image(i)); best != int(label) {
			wrong++
		}
	}
	// 80 % seen; guessing is 90 %.
	if rate := float64(wrong) / float64(val.Len()); !(rate > 0.5) {
		t.Errorf("a linear classifier has %.2f error: the images are too easy", rate)
	}
}
