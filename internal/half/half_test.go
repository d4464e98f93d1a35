package half_test

import (
	"math"
	"testing"

	"duet/internal/half"
)

// TestAll: every number is what the format's definition says, and comes back from its float32.
func TestAll(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		exponent, fraction := float64(h>>10&31), float64(h&1023)
		want := math.Ldexp(1+fraction/1024, int(exponent)-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction/1024, -14)
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		if h>>15 == 1 {
			want = -want
		}
		got := half.To32(h)
		if math.IsNaN(want) {
			if got == got || half.To32(half.From32(got)) == half.To32(half.From32(got)) {
				t.Fatalf("%#x: %v, want a NaN that stays one", h, got)
			}
			continue
		}
		if float64(got) != want || math.Signbit(float64(got)) != (h>>15 == 1) || half.From32(got) != h {
			t.Fatalf("%#x: %v, want %v; back %#x", h, got, want, half.From32(got))
		}
	}
}

// TestNearest: between two neighbours, the middle goes to the even one and all else to the nearer.
func TestNearest(t *testing.T) {
	for h := range uint16(0x7bff) {
		low, high := half.To32(h), half.To32(h+1)
		middle := (low + high) / 2 // exact: float32 has 13 bits of fraction more
		even := h + h&1
		for _, c := range []struct {
			x    float32
			want uint16
		}{{middle, even}, {math.Nextafter32(middle, 0), h}, {math.Nextafter32(middle, 1e6), h + 1}} {
			if got := half.From32(c.x); got != c.want {
				t.Fatalf("%v: %#x, want %#x", c.x, got, c.want)
			}
			if got := half.From32(-c.x); got != c.want|1<<15 {
				t.Fatalf("%v: %#x, want %#x", -c.x, got, c.want|1<<15)
			}
		}
	}
	for x, want := range map[float32]uint16{65519.996: 0x7bff, 65520: 0x7c00, 65536: 0x7c00, math.MaxFloat32: 0x7c00,
		float32(math.Inf(-1)): 0xfc00, math.SmallestNonzeroFloat32: 0} {
		if got := half.From32(x); got != want {
			t.Errorf("%v: %#x, want %#x", x, got, want)
		}
	}
}
