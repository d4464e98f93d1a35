package metrics

import (
	"cmp"
	"math"
	"os"
	"slices"
	"strings"
)

// sparkColumns is how wide the curve of the loss in the line is.
const sparkColumns = 12

// spark is the loss of the whole run so far, as means of equally many steps each, of which there are at most twice as
// many as columns.
type spark struct {
	per   int // steps of a mean
	means []float64
	sum   float64 // of the steps after the last mean
	count int
}

// add counts a loss in. What is not a finite number is not counted.
func (s *spark) add(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	s.per = max(s.per, 1)
	if s.sum, s.count = s.sum+x, s.count+1; s.count < s.per {
		return
	}
	s.means = append(s.means, s.sum/float64(s.count))
	s.sum, s.count = 0, 0
	if len(s.means) < 2*sparkColumns {
		return
	}
	for i := range sparkColumns {
		s.means[i] = (s.means[2*i] + s.means[2*i+1]) / 2
	}
	s.means, s.per = s.means[:sparkColumns], 2*s.per
}

// String is the curve in block letters, the largest loss the highest; "" while there is little to see.
func (s *spark) String() string {
	const least = 4
	means := s.means[max(0, len(s.means)-2*sparkColumns):]
	if len(means) > sparkColumns { // two a column
		means = slices.Collect(func(yield func(float64) bool) {
			for pair := range slices.Chunk(means, 2) {
				if !yield((pair[0] + pair[len(pair)-1]) / 2) {
					return
				}
			}
		})
	}
	if len(means) < least {
		return ""
	}
	low, high := slices.Min(means), slices.Max(means)
	if high-low <= 1e-4*math.Abs(high) { // as much as the line shows of a loss
		return ""
	}
	blocks := []rune("▁▂▃▄▅▆▇█")
	curve := make([]rune, len(means))
	for i, m := range means {
		curve[i] = blocks[int(math.Round((m-low)/(high-low)*float64(len(blocks)-1)))]
	}
	return string(curve)
}

// showsUTF8 says whether a terminal is to be written to in UTF-8, by the environment's locale.
func showsUTF8() bool {
	locale := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}
