package rng

import (
	"math"
	"testing"
)

// The known answers are those that the authors publish with Random123 (kat_vectors, philox4x32 10).
func TestPhiloxKnownAnswers(t *testing.T) {
	const f = 0xffffffff
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox4x32(c.counter, c.key); got != c.want {
			t.Errorf("Philox4x32(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

func TestStreamsDiffer(t *testing.T) {
	base := New(1, Dropout, 2, 3)
	for name, other := range map[string]Stream{
		"seed":      New(2, Dropout, 2, 3),
		"high seed": New(1|1<<40, Dropout, 2, 3),
		"purpose":   New(1, Shuffle, 2, 3),
		"stream":    New(1, Dropout, 3, 3),
		"step":      New(1, Dropout, 2, 4),
	} {
		if other.Block(0) == base.Block(0) {
			t.Errorf("another %s gives the same numbers", name)
		}
	}
}

func TestWordsAreLanesOfBlocks(t *testing.T) {
	s := New(7, Augment, 1, 9)
	for i := uint64(0); i < 12; i++ {
		if got, want := s.Uint32(i), s.Block(i / 4)[i%4]; got != want {
			t.Errorf("word %d = %x, want %x", i, got, want)
		}
	}
}

func TestMoments(t *testing.T) {
	const n = 1 << 16
	s := New(42, Init, 5, 0)
	var sum, squares, normal, normalSquares float64
	for i := range uint64(n) {
		u := float64(s.Float32(i))
		if !(u >= 0 && u < 1) {
			t.Fatalf("uniform %d = %v", i, u)
		}
		z := s.Normal(i)
		sum, squares = sum+u, squares+u*u
		normal, normalSquares = normal+z, normalSquares+z*z
	}
	// Four standard errors of each mean over n numbers.
	for _, c := range []struct {
		name            string
		got, want, stdv float64
	}{
		{"uniform mean", sum / n, 0.5, math.Sqrt(1. / 12)},
		{"uniform square", squares / n, 1. / 3, math.Sqrt(4. / 45)},
		{"normal mean", normal / n, 0, 1},
		{"normal square", normalSquares / n, 1, math.Sqrt2},
	} {
		if tol := 4 * c.stdv / math.Sqrt(n); !(math.Abs(c.got-c.want) <= tol) {
			t.Errorf("%s = %v, want %v within %v", c.name, c.got, c.want, tol)
		}
	}
}

func TestPermutation(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 5, 1000} {
		p := New(3, Shuffle, 0, 1).Permutation(n)
		seen := make([]bool, n)
		for _, v := range p {
			if seen[v] {
				t.Fatalf("n=%d: %d twice", n, v)
			}
			seen[v] = true
		}
	}
	// Each of the six orders of three things turns up about equally often over epochs.
	count := map[[3]int32]int{}
	for epoch := range uint32(6000) {
		p := New(3, Shuffle, 0, epoch).Permutation(3)
		count[[3]int32(p)]++
	}
	if len(count) != 6 {
		t.Fatalf("only %d orders of 6", len(count))
	}
	for order, c := range count {
		if c < 850 || c > 1150 { // 1000 +- 5 standard deviations
			t.Errorf("order %v %d times of 6000", order, c)
		}
	}
}

func TestIntnCoversItsRange(t *testing.T) {
	s := New(1, Augment, 0, 0)
	seen := map[int]bool{}
	for i := range uint64(200) {
		v := s.Intn(i, 5)
		if v < 0 || v >= 5 {
			t.Fatalf("Intn = %d", v)
		}
		seen[v] = true
	}
	if len(seen) != 5 {
		t.Errorf("saw %d of 5 values", len(seen))
	}
}
