// Package rng is duet's only source of random numbers: Philox4x32-10, a counter-based generator.
//
// A counter-based generator has no state. The i-th number of a stream is a function of (seed, purpose, stream, step,
// i),
// so a resumed run, another placement of the towers and another backend draw the same crops, the same shuffles and the
// same dropout masks, in whatever order and on however many threads they are drawn.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
package rng

import "math/bits"

// The multipliers and Weyl increments of Philox4x32, from the paper's table 2 and section 3.
const (
	mul0, mul1 = 0xD2511F53, 0xCD9E8D57
	weyl0      = 0x9E3779B9 // the golden ratio
	weyl1      = 0xBB67AE85 // sqrt(3) - 1
	rounds     = 10
)

// Philox4x32 encrypts a 128-bit counter with a 64-bit key in ten rounds: four independent, uniform 32-bit words.
func Philox4x32(counter [4]uint32, key [2]uint32) [4]uint32 {
	c0, c1, c2, c3 := counter[0], counter[1], counter[2], counter[3]
	k0, k1 := key[0], key[1]
	for range rounds {
		hi0, lo0 := bits.Mul32(mul0, c0)
		hi1, lo1 := bits.Mul32(mul1, c2)
		c0, c1, c2, c3 = hi1^c1^k0, lo1, hi0^c3^k1, lo0
		k0 += weyl0
		k1 += weyl1
	}
	return [4]uint32{c0, c1, c2, c3}
}
