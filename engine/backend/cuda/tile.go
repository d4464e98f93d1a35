//go:build gpu

package cuda

import (
	"fmt"
	"math/bits"
)

// tile is how a product [rows, columns] of length k is cut, kernels/tile.h: the side of a block's square, and the parts of
// k. It follows from the sizes alone, so that results do not depend on the GPU.
type tile struct{ side, splits int }

// enough blocks keep a large GPU busy: two on each of 132 multiprocessors.
const enough = 264

// depth is how far a slice of a tile reaches in k, at least.
const depth = 16

// tileFor chooses for `copies` products of that size. A part of k is long enough that writing and reading its sums once
// does not count.
func tileFor(rows, columns, k, copies int, split bool) tile {
	t := tile{side: 128, splits: 1}
	if rows <= 64 || columns <= 64 || blocks(rows, columns, 128)*copies < enough/2 {
		t.side = 64
	}
	if n := blocks(rows, columns, t.side) * copies; split && n < enough {
		t.splits = max(1, min(ceilDiv(enough, n), k/(16*depth), 64))
	}
	return t
}

func blocks(rows, columns, side int) int { return ceilDiv(rows, side) * ceilDiv(columns, side) }

func (t tile) grid(rows, columns, copies int) dims {
	return dims{x: ceilDiv(columns, t.side), y: ceilDiv(rows, t.side), z: copies}
}

// entry is the name of a kernel for this tile: conv2d_forward_128_f32.
func (t tile) entry(b *builder, stem string) string {
	return b.named(fmt.Sprintf("%s_%d", stem, t.side))
}

// tileThreads is the size of a tile's block.
const tileThreads = 256

// divider is a multiplier and a shift for division by d of numbers below 2^31, as kernels/tile.h does it.
func divider(d int) []any {
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
