package model_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"duet/engine/model"
)

func TestMostProbable(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for _, classes := range []int{1, 4, 5, 6, 1000} {
		probs := make([]float64, classes)
		want := make([]model.Guess, classes)
		for label := range probs {
			probs[label] = float64(draw.IntN(classes)) // some equal ones
			want[label] = model.Guess{Label: label, Probability: probs[label]}
		}
		slices.SortStableFunc(want, func(a, b model.Guess) int { return int(b.Probability - a.Probability) })
		for _, n := range []int{0, 1, 5} {
			if got := model.MostProbable(probs, n); !slices.Equal(got, want[:min(n, classes)]) {
				t.Errorf("%d of %d: %v, want %v", n, classes, got, want[:min(n, classes)])
			}
		}
	}
}

// BenchmarkVerdict is what a validation adds to an image for mistakes.json, with ImageNet's 1,000 classes.
func BenchmarkVerdict(b *testing.B) {
	draw := rand.New(rand.NewPCG(1, 2))
	tested := model.Tested{Probs: make([]float64, 1000)}
	for label := range tested.Probs {
		tested.Probs[label] = draw.Float64()
	}
	for b.Loop() {
		tested.Verdict(5)
	}
}
