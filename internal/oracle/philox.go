package oracle

import (
	"hash/fnv"
	"math"
)

// Every random number is a function of (seed, purpose, stream, step, index): of nothing that happened before. The
// function is Philox4x32-10 of Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

// The purposes for which numbers are drawn.
const (
	initial = 1 // step 0, a stream for each parameter
	drop    = 2 // step is the training's, a stream for each layer
	shuffle = 3 // step is the epoch, stream 0
	augment = 4 // step is the epoch, stream 0 for place and mirror, 1 for colours, 2 for windows
)

// philox is a block cipher with a key of 64 bits; its ten rounds turn a counter of 128 bits into four random words.
func philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	c, k := counter, key
	for range 10 {
		a, b := 0xD2511F53*uint64(c[0]), 0xCD9E8D57*uint64(c[2])
		c = [4]uint32{uint32(b>>32) ^ c[1] ^ k[0], uint32(b), uint32(a>>32) ^ c[3] ^ k[1], uint32(a)}
		k[0] += 0x9E3779B9
		k[1] += 0xBB67AE85
	}
	return c
}

// A stream is an endless row of random words.
type stream struct {
	seed                  uint64
	purpose, number, step uint32
}

// word is number i of the row.
func (s stream) word(i uint64) uint32 {
	counter := [4]uint32{uint32(i / 4), uint32(i / 4 >> 32), s.step, s.purpose<<24 | s.number}
	return philox(counter, [2]uint32{uint32(s.seed), uint32(s.seed >> 32)})[i%4]
}

// below is word i as a number from 0 to n-1.
func (s stream) below(n int, i uint64) int { return int(uint64(s.word(i)) * uint64(n) >> 32) }

// share is word i as a multiple of 2^-24 from 0 to below 1.
func (s stream) share(i uint64) float64 { return float64(s.word(i)>>8) / (1 << 24) }

// normal is the i-th number of N(0, 1), of words 2i and 2i+1 (Box and Muller 1958).
func (s stream) normal(i uint64) float64 {
	u, v := float64(s.word(2*i))+1, float64(s.word(2*i+1))
	return math.Sqrt(-2*math.Log(u/(1<<32))) * math.Cos(2*math.Pi*v/(1<<32))
}

// permutation is an order of 0 to n-1 (Fisher and Yates): the last place draws first.
func (s stream) permutation(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for last := n - 1; last > 0; last-- {
		chosen := s.below(last+1, uint64(n-1-last))
		p[last], p[chosen] = p[chosen], p[last]
	}
	return p
}

// streamOf is the number of the stream of a parameter or a layer: the low 24 bits of its name's FNV-1a hash.
func streamOf(name string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32() & 0xFFFFFF
}
