package rng

import (
	"hash/fnv"
	"math"
)

// A Purpose separates the streams of one seed, so that a dropout mask never repeats the numbers of a crop.
type Purpose uint8

// The purposes. Their values are part of the file format: a changed value changes every run.
const (
	Init     Purpose = 1 // initial weights; step 0, one stream a parameter
	Dropout  Purpose = 2 // masks; step is the training step, one stream a layer
	Shuffle  Purpose = 3 // order of the images; step is the epoch
	Augment  Purpose = 4 // crop, mirror and colour; step is the epoch, the index is the image's
	Generate Purpose = 5 // generated images
	Split    Purpose = 6 // validation split
)

// MaxStream is the largest stream number.
const MaxStream = 1<<24 - 1

// A Stream is an infinite, randomly accessible sequence of 32-bit words.
//
// Word i is lane i%4 of Philox4x32 with key (seed low, seed high) and counter (low and high half of i/4, step,
// purpose<<24 | stream). Kernels on a device compute the same.
type Stream struct {
	key  [2]uint32
	step uint32
	tag  uint32
}

// New returns the stream of a seed for a purpose. Stream numbers above MaxStream are an error of the caller's.
func New(seed uint64, p Purpose, stream, step uint32) Stream {
	if stream > MaxStream {
		panic("rng: stream number above MaxStream")
	}
	return Stream{key: [2]uint32{uint32(seed), uint32(seed >> 32)}, step: step, tag: Tag(p, stream)}
}

// Tag is the fourth word of the counter.
func Tag(p Purpose, stream uint32) uint32 { return uint32(p)<<24 | stream&MaxStream }

// StreamOf derives a stream number from a name, such as a parameter's: the low 24 bits of its FNV-1a hash.
func StreamOf(name string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name)) // never fails
	return h.Sum32() & MaxStream
}

// Block is words 4i to 4i+3.
func (s Stream) Block(i uint64) [4]uint32 {
	return Philox4x32([4]uint32{uint32(i), uint32(i >> 32), s.step, s.tag}, s.key)
}

// Uint32 is word i.
func (s Stream) Uint32(i uint64) uint32 { return s.Block(i / 4)[i%4] }

// Float32 is word i as a number in [0, 1), a multiple of 2^-24.
func (s Stream) Float32(i uint64) float32 { return float32(s.Uint32(i)>>8) / (1 << 24) }

// Intn is word i as a number in [0, n), by multiplication; n >= 1. Its bias is below n/2^32.
func (s Stream) Intn(i uint64, n int) int { return int(uint64(s.Uint32(i)) * uint64(n) >> 32) }

// Normal is the i-th standard normal number, by Box and Muller's transform of words 2i and 2i+1.
func (s Stream) Normal(i uint64) float64 {
	b := s.Block(i / 2)
	u, v := b[i%2*2], b[i%2*2+1]
	r := math.Sqrt(-2 * math.Log((float64(u)+1)/(1<<32))) // (0, 1]: never the logarithm of 0
	return r * math.Cos(2*math.Pi*float64(v)/(1<<32))
}

// Permutation is a uniform random order of 0..n-1, by Fisher and Yates's shuffle from the last place down: word n-1-i
// chooses, as Intn does, among the places 0 to i the one that place i changes with.
func (s Stream) Permutation(n int) []int32 {
	p := make([]int32, n)
	for i := range p {
		p[i] = int32(i)
	}
	var block [4]uint32
	for i := n - 1; i > 0; i-- {
		if at := uint64(n - 1 - i); at%4 == 0 {
			block = s.Block(at / 4)
		}
		j := int(uint64(block[(n-1-i)%4]) * uint64(i+1) >> 32)
		p[i], p[j] = p[j], p[i]
	}
	return p
}
