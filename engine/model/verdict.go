package model

import (
	"cmp"
	"math"
	"slices"
)

// A Guess is a class that an image was taken for.
type Guess struct {
	Label       int
	Probability float64
}

// MostProbable are the n most probable classes, the first one first; of equal ones the lower label.
func MostProbable(probs []float64, n int) (all []Guess) {
	for label, p := range probs {
		if n > 0 && len(all) == n && p <= all[n-1].Probability { // nearly all of a thousand
			continue
		}
		at, _ := slices.BinarySearchFunc(all, p, func(g Guess, p float64) int {
			if g.Probability >= p {
				return -1
			}
			return 1
		})
		if at < n {
			all = slices.Insert(all, at, Guess{label, p})
			all = all[:min(len(all), n)]
		}
	}
	return all
}

// A Verdict is what is kept of an image of a test.
type Verdict struct {
	Index   int     // in the set
	Label   int     // of the network; -1 where it has not learned the image's class
	Loss    float64 // cross entropy in nats, where there is a label
	Guesses []Guess // the most probable classes, the first one first
}

// Verdict keeps the n most probable classes of a tested image.
func (t Tested) Verdict(n int) Verdict {
	v := Verdict{Index: t.Index, Label: t.Label, Guesses: MostProbable(t.Probs, n)}
	if t.Label >= 0 {
		v.Loss = CrossEntropy(t.Probs[t.Label])
	}
	return v
}

// Worst keeps the images with labels that a test was most wrong about, Most of them.
type Worst struct {
	Most int
	all  []Verdict
}

// Add tells of an image.
func (w *Worst) Add(v Verdict) {
	if v.Label < 0 {
		return
	}
	if w.all = append(w.all, v); len(w.all) > 2*w.Most+1000 {
		w.cut()
	}
}

// All are the images with the largest losses, the worst first, of equal ones the one that came first. A loss that is no
// number is worse than any.
func (w *Worst) All() []Verdict {
	w.cut()
	return w.all
}

func (w *Worst) cut() {
	badness := func(v Verdict) float64 {
		if math.IsNaN(v.Loss) {
			return math.Inf(1)
		}
		return v.Loss
	}
	slices.SortStableFunc(w.all, func(a, b Verdict) int { return cmp.Compare(badness(b), badness(a)) })
	w.all = w.all[:min(w.Most, len(w.all))]
}
