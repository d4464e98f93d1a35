package source_test

import (
	"math"
	"testing"

	"duet/dataloader/source"
)

// A linear classifier fails on generated images: what a network learns on them, it learns by its convolutions. (A small
// two-tower network comes below 1 % error; that test is the training engine's.)
func TestGeneratedIsNotLinear(t *testing.T) {
	s := open(t, source.Options{Generated: source.Generated{Classes: 10, Train: 2000, Val: 500, Size: 16}}, "generated")
	_, data := s.contents(t)
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
	wrong, val := 0, 0
	for range 8 {
		wrong, val = 0, 0
		for i, it := range s.Items {
			p, best := scores(data[i])
			if it.Val {
				val++
				if best != int(it.Label) {
					wrong++
				}
				continue
			}
			p[it.Label]--
			for c := range p {
				for k, v := range data[i] {
					w[c][k] -= rate * p[c] * (float64(v)/127.5 - 1)
				}
				w[c][pixels] -= rate * p[c]
			}
		}
	}
	// 80 % seen; guessing is 90 %.
	if rate := float64(wrong) / float64(val); !(rate > 0.5) || val != 500 {
		t.Errorf("a linear classifier has %.2f error on %d images: they are too easy", rate, val)
	}
}
