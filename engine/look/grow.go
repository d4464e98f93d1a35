package look

import (
	"math"
	"slices"

	"duet/engine/metrics"
)

// Of a run that grows, so many steps and validations are kept; of more, those of each stretch at which something is
// least or most.
const (
	mostKept    = 1 << 14
	keptStretch = 64
)

// AddStep adds what was measured since. The memory of a run that grows is bounded, however long it is.
func (r *Run) AddStep(s metrics.Step) {
	if len(r.Steps) == mostKept {
		r.Steps, r.trained = extremes(r.Steps, r.trained, func(m measure) func(metrics.Step) float64 { return m.step })
	}
	if n := len(r.Steps); n == cap(r.Steps) { // four times as many: append alone would copy them more often
		r.Steps, r.trained = slices.Grow(r.Steps, 3*n+64), slices.Grow(r.trained, 3*n+64)
	}
	var before uint64
	var hours float64
	if n := len(r.Steps); n > 0 {
		before, hours = r.Steps[n-1].Step, r.trained[n-1]
	}
	r.Steps, r.trained = append(r.Steps, s), append(r.trained, hours+r.hoursOf(s, before))
}

// AddValidation adds a validation likewise.
func (r *Run) AddValidation(v metrics.Validation) {
	if len(r.Validations) == mostKept {
		r.Validations, _ = extremes(r.Validations, nil,
			func(m measure) func(metrics.Validation) float64 { return m.check })
	}
	r.Validations = append(r.Validations, v)
}

// extremes are those of each stretch whose value of some measure is the least or the most there, in their order, and
// what belongs to them.
func extremes[T any](all []T, with []float64, of func(m measure) func(T) float64) ([]T, []float64) {
	keep := make([]bool, len(all))
	for _, m := range measures {
		value := of(m)
		if value == nil {
			continue
		}
		for first := 0; first < len(all); first += keptStretch {
			least, most := -1, -1
			var low, high float64
			for i, one := range all[first:min(first+keptStretch, len(all))] {
				y := value(one)
				if math.IsNaN(y) {
					continue
				}
				if least < 0 || y < low {
					least, low = first+i, y
				}
				if most < 0 || y > high {
					most, high = first+i, y
				}
			}
			if least >= 0 {
				keep[least], keep[most] = true, true
			}
		}
	}
	keep[len(all)-1] = true
	n := 0
	for i := range all {
		if !keep[i] {
			continue
		}
		if all[n] = all[i]; with != nil {
			with[n] = with[i]
		}
		n++
	}
	return all[:n], with[:min(n, len(with))]
}
