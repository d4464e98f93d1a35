package wire

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// MaxRank is how many dimensions a tensor has at most: Caffe's own limit.
const MaxRank = 32

// Shape checks dimensions and multiplies them.
func Shape(dims []int64) (shape []int, count int, err error) {
	if len(dims) > MaxRank {
		return nil, 0, fmt.Errorf("%d dimensions, want at most %d", len(dims), MaxRank)
	}
	shape, count = make([]int, len(dims)), 1
	for i, d := range dims {
		// Below 2^31 each, also if another is 0, so that whatever is computed of some of them stays an integer.
		if d < 0 || d > math.MaxInt32 || count > 0 && d > MaxFile/int64(count) {
			return nil, 0, fmt.Errorf("shape %v is none, or larger than a file can be", dims)
		}
		shape[i] = int(d)
		count *= int(d)
	}
	return shape, count, nil
}

// shown is how many bytes of a name an error has.
const shown = 60

// Quote is a name in an error: on one line, and not longer than that.
func Quote(name string) string {
	if len(name) <= shown {
		return strconv.Quote(name)
	}
	cut := shown
	for !utf8.RuneStart(name[cut]) && cut > shown-utf8.UTFMax {
		cut--
	}
	return strconv.Quote(name[:cut]) + "..."
}
