package tensorboard

import (
	"math"
	"testing"
)

// TestHistogram: each number is in the bucket whose edges it lies between.
func TestHistogram(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for name, c := range map[string]struct {
		numbers []float32
		want    map[int]float64 // counts that are not 0; nil: no histogram
	}{
		"both ends":    {[]float32{-15, 15, 15}, map[int]float64{0: 1, 29: 2}},
		"left edges":   {[]float32{0, 1, 2, 2.5, 30}, map[int]float64{0: 1, 1: 1, 2: 2, 29: 1}},
		"all the same": {[]float32{3, 3}, map[int]float64{29: 2}},
		"one of none":  {[]float32{0, nan, 30}, map[int]float64{0: 1, 29: 1}},
		"an infinity":  {[]float32{0, inf}, nil},
		"large":        {[]float32{-math.MaxFloat32, math.MaxFloat32}, map[int]float64{0: 1, 29: 1}},
		"nothing":      {nil, nil},
	} {
		got := histogram(c.numbers)
		if (got == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, got)
			continue
		}
		for i, row := range got {
			if row[2] != c.want[i] || i > 0 && row[0] != got[i-1][1] || !(row[0] <= row[1]) {
				t.Errorf("%s: bucket %d is %v, want a count of %v", name, i, row, c.want[i])
			}
		}
	}
}

func BenchmarkHistogram(b *testing.B) {
	numbers := make([]float32, 1<<20)
	for i := range numbers {
		numbers[i] = float32(i%4099) - 2000
	}
	b.SetBytes(int64(4 * len(numbers)))
	for b.Loop() {
		histogram(numbers)
	}
}
