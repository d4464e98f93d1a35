//go:build gpu

package cuda

import (
	"fmt"
	"math/bits"
	"slices"
)

// product is a matrix product [rows, columns] of length k, or several, as kernels/tile.h and kernels/tensor_tile.h
// make them.
type product struct {
	stem             string // of the kernels' names: conv2d_forward
	rows, columns, k int
	copies           int  // groups, and the like
	split            bool // whether k can be divided into parts
	// of the rows in memory: the tensor cores' kernels copy 16 bytes of them at a time where they can
	lengths  []int
	gathered int // operands that are gathered element by element
}

// tile is how a product is cut: the side of a block's square, and the parts of k.
type tile struct {
	side, splits int
	tensor       bool // on the tensor cores, kernels/tensor_tile.h
}

// String is what a Pin calls it: simt_128, or tensor_64/3 for three parts of k.
func (t tile) String() string {
	name := "simt"
	if t.tensor {
		name = "tensor"
	}
	if t.splits > 1 {
		return fmt.Sprintf("%s_%d/%d", name, t.side, t.splits)
	}
	return fmt.Sprintf("%s_%d", name, t.side)
}

// tiled is a candidate for a piece of work: one product in tiles, and how to launch it.
type tiled struct {
	tile
	p          product
	capability int
	launch     func(*builder, tile)
}

func (c tiled) lay(b *builder) { c.launch(b, c.tile) }

// tiles are the ways to make a product on this device. They follow from its sizes, the precision and the capability.
func (b *builder) tiles(p product, launch func(*builder, tile)) []candidate {
	var all []candidate
	for _, tensor := range []bool{true, false} {
		if tensor && (b.d.capability < 80 || b.activations() != bfloat16) {
			continue
		}
		for _, side := range []int{128, 64} {
			for _, splits := range p.splits(side) {
				all = append(all, tiled{tile{side, splits, tensor}, p, b.d.capability, launch})
			}
		}
	}
	return all
}

// enough blocks keep a large GPU busy: two on each of 132 multiprocessors.
const enough = 264

// splits are the parts of k worth trying: as many as make enough blocks, half and twice as many, and one. A part is
// long enough that writing and reading its sums once does not count.
func (p product) splits(side int) []int {
	n := blocks(p.rows, p.columns, side) * p.copies
	most := min(p.k/256, 64)
	if !p.split || n >= enough || most < 2 {
		return []int{1}
	}
	wanted := min(ceilDiv(enough, n), most)
	counts := []int{wanted}
	for _, other := range []int{1, wanted / 2, min(2*wanted, most)} {
		if other > 0 && !slices.Contains(counts, other) {
			counts = append(counts, other)
		}
	}
	return counts
}

func blocks(rows, columns, side int) int { return ceilDiv(rows, side) * ceilDiv(columns, side) }

// clocks estimates how long the product takes, in clocks of a large GPU. It only has to put candidates in order, and
// counts
//
//   - for 32 of k, what a block's multiplications take on a multiprocessor, or its instructions, if they take longer
//   - blocks on the multiprocessor that has most of them; one alone leaves it idle while it waits for memory
//   - the smaller tile's reads, of shared and of global memory, of which there are twice as many
//   - the bytes of parts of k, which are written and read again
func (c tiled) clocks() float64 {
	const multiprocessors, alone, reads, bytesPerClock, launch = 108, 1.6, 1.15, 1200, 4000
	side := float64(c.side)
	n := ceilDiv(blocks(c.p.rows, c.p.columns, c.side)*c.p.copies*c.splits, multiprocessors)
	busy := float64(n)
	if n == 1 {
		busy = alone
	}
	slice := max(side*side*32/c.rate(), c.issue())
	if c.side == 64 {
		slice *= reads
	}
	clocks := launch + busy*slice*float64(ceilDiv(ceilDiv(c.p.k, 32), c.splits))
	if c.splits > 1 {
		clocks += launch + float64(c.p.rows*c.p.columns*c.p.copies)*float64(8*c.splits)/bytesPerClock
	}
	return clocks
}

// rate is multiplications of a multiprocessor in a clock, from NVIDIA's papers on the architectures.
func (c tiled) rate() float64 {
	switch {
	case c.tensor && c.capability >= 90:
		return 2048
	case c.tensor && c.capability == 80:
		return 1024
	case c.tensor:
		return 512
	case c.capability == 86 || c.capability >= 89:
		return 128
	}
	return 64
}

// issue is the clocks in which a multiprocessor's four schedulers issue a block's instructions for 32 of k. The tensor
// cores' kernels were counted in the code that ptxas makes for sm_80: what multiplies and copies, and what an operand
// takes that is gathered, 16 elements a thread. The others have 5 for every 4 multiplications of a thread, whose
// operands come from shared memory, or 6 with the smaller square.
func (c tiled) issue() float64 {
	warps := float64(c.threads() / 32)
	if !c.tensor {
		each := map[int]float64{128: 5. / 4, 64: 6. / 4}[c.side]
		return warps / 4 * float64(c.side*c.side) * 32 / tileThreads * each
	}
	copied := map[int]float64{128: 100, 64: 75}[c.side]
	return warps / 4 * (copied + 185*float64(c.p.gathered))
}

func (t tile) grid(rows, columns, copies int) dims {
	return dims{x: ceilDiv(columns, t.side), y: ceilDiv(rows, t.side), z: copies}
}

// tileThreads is the size of a block without tensor cores.
const tileThreads = 256

func (t tile) threads() int {
	if t.tensor {
		return 2 * t.side
	}
	return tileThreads
}

// product launches a tile's kernel for a product, such as conv2d_forward_128_f32 or conv2d_forward_tensor_128_bf16.
func (b *builder) product(p product, t tile, args ...any) {
	name := fmt.Sprintf("%s_%d", p.stem, t.side)
	if t.tensor {
		name = fmt.Sprintf("%s_tensor_%d", p.stem, t.side)
		for _, n := range p.lengths {
			if n%8 != 0 {
				name += "_unaligned"
				break
			}
		}
	}
	b.launch(b.named(name), t.grid(p.rows, p.columns, p.copies*t.splits), dims{}, 0, args...)
}

// divisor is FastDivisor of kernels/tile.h.
type divisor struct{ Divisor, Multiplier, Shift uint32 }

// divisorOf prepares the division by d, at least 1, of numbers below 2^31.
func divisorOf(d int) divisor {
	if d == 1 {
		return divisor{Divisor: 1}
	}
	l := bits.Len(uint(d - 1)) // 2^(l-1) < d <= 2^l
	return divisor{uint32(d), uint32((uint64(1)<<(31+l) + uint64(d) - 1) / uint64(d)), uint32(l - 1)}
}

// fastDivisor is a multiplier and a shift for division by d of numbers below 2^31, as kernels/tile.h does it.
func fastDivisor(d int) []any {
	if d == 1 {
		return []any{uint32(0), int32(0)}
	}
	l := bits.Len(uint(d - 1)) // 2^(l-1) < d <= 2^l
	multiplier := (uint64(1)<<(31+l) + uint64(d) - 1) / uint64(d)
	return []any{uint32(multiplier), int32(l - 1)}
}

// within31 checks that a count can be an index of the kernels.
func (b *builder) within31(what string, n int) {
	if n >= 1<<31 {
		b.fail("%s: %d, and the kernels count to 2^31: want a smaller batch", what, n)
	}
}
