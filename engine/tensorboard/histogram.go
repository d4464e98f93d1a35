package tensorboard

import "math"

// buckets is how many a histogram has: what TensorFlow's own have by default.
const buckets = 30

// histogram counts numbers in buckets of one width between the least and the largest: the left edge, the right edge and
// the count of each. The last one has its right edge too; where all numbers are the same, it has them all. NaN is not
// counted. Numbers with an infinity, and none at all, have no histogram: nil.
//
// Source: tensorboard/plugins/histogram/summary_v2.py.
func histogram(numbers []float32) [][3]float64 {
	least, largest := float32(math.Inf(1)), float32(math.Inf(-1))
	for _, x := range numbers {
		if x < least {
			least = x
		}
		if x > largest {
			largest = x
		}
	}
	low, high := float64(least), float64(largest)
	width := (high - low) / buckets
	if !(width >= 0) || math.IsInf(width, 0) {
		return nil
	}
	var counts [buckets]int
	for _, x := range numbers {
		if x-x != 0 {
			continue
		}
		i := buckets - 1
		if width > 0 {
			i = min(int((float64(x)-low)/width), i)
		}
		counts[i]++
	}
	rows := make([][3]float64, buckets)
	for i := range rows {
		rows[i] = [3]float64{low + float64(i)*width, low + float64(i+1)*width, float64(counts[i])}
	}
	rows[buckets-1][1] = high
	return rows
}
