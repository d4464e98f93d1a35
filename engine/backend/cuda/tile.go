//go:build gpu

package cuda

import (
	"fmt"
	"math/bits"
	"slices"
)

// product is a matrix product [m, n] of length k, or several, as kernels/tile.h and kernels/tensor_product.h make them.
type product struct {
	stem    string // of the kernels' names: conv2d_forward
	m, n, k int
	runs    int  // into which k falls, each in whole slices; 0 is one
	copies  int  // groups, and the like
	split   bool // whether k can be divided into parts
	across  bool // n lies along the x of the grid, and m along y
}

// tile is how a product is cut: the sides of a block's and of a warp's tile, the depth of a slice, and the parts of k.
type tile struct {
	m, n, depth, wm, wn int
	blocks              int    // that the kernel's registers let run on a multiprocessor at a time
	kind                string // of the kernel, within its name: tensor, or tensor_strided; empty without tensor cores
	splits              int
}

// String is what a Pin calls it: simt_128, or tensor_128x96x64/3 for three parts of k.
func (t tile) String() string {
	name := "simt" + t.suffix()
	if t.tensor() {
		name = t.suffix()[1:]
	}
	if t.splits > 1 {
		return fmt.Sprintf("%s/%d", name, t.splits)
	}
	return name
}

// suffix is what the kernel's name has behind the stem.
func (t tile) suffix() string {
	if t.tensor() {
		return fmt.Sprintf("_%s_%dx%dx%d", t.kind, t.m, t.n, t.depth)
	}
	return fmt.Sprintf("_%d", t.m)
}

// tensor says whether it is one for tensor cores.
func (t tile) tensor() bool { return t.kind != "" }

// simtTiles are those of kernels/tile.h.
var simtTiles = []tile{
	{m: 128, n: 128, depth: 8, blocks: 2},
	{m: 64, n: 64, depth: 16, blocks: 3},
}

// tensorTiles are those of kernels/*_tensor.cu, by the stem of the kernels' names.
var tensorTiles = map[string][]tile{
	"conv2d_forward": {
		{128, 128, 64, 64, 64, 2, "tensor", 1},
		{128, 96, 64, 64, 48, 2, "tensor", 1},
		{128, 64, 64, 64, 32, 3, "tensor", 1},
		{128, 64, 32, 64, 32, 3, "tensor", 1},
		{128, 48, 64, 32, 48, 3, "tensor", 1},
		{64, 64, 64, 32, 32, 4, "tensor", 1},
	},
	"conv2d_grad_input": {
		{128, 128, 64, 64, 64, 2, "tensor", 1},
		{128, 96, 64, 64, 48, 2, "tensor", 1},
		{128, 64, 64, 64, 32, 3, "tensor", 1},
		{128, 48, 64, 32, 48, 3, "tensor", 1},
		{64, 64, 32, 32, 32, 4, "tensor", 1},
	},
	"conv2d_grad_input, strided": {
		{64, 64, 32, 32, 32, 3, "tensor_strided", 1},
	},
	"conv2d_grad_weight": {
		{128, 128, 64, 64, 64, 2, "tensor", 1},
		{96, 128, 64, 48, 64, 2, "tensor", 1},
		{64, 256, 32, 64, 64, 2, "tensor", 1},
		{64, 128, 64, 32, 64, 3, "tensor", 1},
		{48, 128, 64, 48, 32, 3, "tensor", 1},
	},
	"linear_forward":     linearTiles,
	"linear_grad_input":  linearTiles,
	"linear_grad_weight": linearTiles,
}

var linearTiles = []tile{
	{128, 128, 64, 64, 64, 2, "tensor", 1},
	{64, 64, 64, 32, 32, 4, "tensor", 1},
}

// tensorStages are how many slices of a depth lie in shared memory.
var tensorStages = map[int]int{32: 4, 64: 3}

// shared is the bytes of dynamic shared memory that a block has.
func (t tile) shared() int {
	if !t.tensor() {
		return 0
	}
	return tensorStages[t.depth] * (t.m + t.n) * t.depth * 2
}

// threads is the size of a block.
func (t tile) threads() int {
	if t.tensor() {
		return 32 * t.m / t.wm * t.n / t.wn
	}
	return 256
}

// tiled is a candidate for a piece of work: one product in tiles, and how to launch it.
type tiled struct {
	tile
	p      product
	on     *device
	launch func(*builder, tile)
}

func (c tiled) lay(b *builder) { c.launch(b, c.tile) }

// candidates are the ways to make a product on this device with some tiles.
func (b *builder) candidates(p product, tiles []tile, launch func(*builder, tile)) []candidate {
	var all []candidate
	for _, t := range tiles {
		if t.shared() > b.d.limits.shared {
			continue
		}
		for _, splits := range p.splits(t, b.d) {
			t.splits = splits
			all = append(all, tiled{t, p, b.d, launch})
		}
	}
	return all
}

// splits are the parts of k worth trying: one, and as many as keep every multiprocessor busy one, two or three times
// over, but none for a rest. A part is long enough that writing and reading its sums once does not count.
func (p product) splits(t tile, d *device) []int {
	counts := []int{1}
	if !p.split {
		return counts
	}
	room, n := d.limits.units*t.together(d), p.blocks(t)
	for waves := 1; waves <= 3; waves++ {
		count := min(waves*room/n, p.k/256, mostParts)
		if count > 1 && !slices.Contains(counts, count) {
			counts = append(counts, count)
		}
	}
	return counts
}

// enough blocks keep a large GPU busy: two on each of 132 multiprocessors.
const enough = 264

// mostParts bounds the memory that parts take.
const mostParts = 128

// blocks is how many tiles there are, of one part of k.
func (p product) blocks(t tile) int { return ceilDiv(p.m, t.m) * ceilDiv(p.n, t.n) * p.copies }

// together is how many blocks a multiprocessor runs at a time.
func (t tile) together(d *device) int {
	const system = 1024 // bytes of shared memory for each block
	if t.tensor() {
		return max(1, min(t.blocks, d.limits.sharedInAll/(t.shared()+system)))
	}
	return t.blocks
}

// clocks estimates how long the product takes, in clocks of the GPU. It only has to put candidates in order, and counts
//
//   - what a multiprocessor takes for a slice of a block: see slice
//   - blocks on the multiprocessor that has most of them; one alone leaves it idle while it waits for memory
//   - the begin and the end of a block, when there is nothing to multiply
//   - the bytes of parts of k, which are written and read again
func (c tiled) clocks() float64 {
	const alone, fill, bytesPerClock, launch = 1.4, 2000, 1200, 4000
	n := ceilDiv(c.p.blocks(c.tile)*c.splits, c.on.limits.units)
	busy, together := float64(n), min(n, c.together(c.on))
	if together == 1 && (n == 1 || c.tensor()) {
		busy *= alone
	}
	runs := max(1, c.p.runs)
	each := c.slice() * float64(ceilDiv(runs*ceilDiv(c.p.k/runs, c.depth), c.splits))
	clocks := launch + busy*each + fill*float64(ceilDiv(n, together))
	if c.splits > 1 {
		clocks += launch + float64(c.p.m*c.p.n*c.p.copies)*float64(8*c.splits)/bytesPerClock
	}
	return clocks
}

// slice is the clocks of a multiprocessor for a slice of a block. Tensor cores multiply while operands come from shared
// memory, 128 bytes a clock, half of which is hidden, or they wait for the second-level cache, and hide the less of the
// two but an eighth. Without them, there are 5 instructions for every 4 multiplications of a thread, whose operands
// come from shared memory, or 6 with the smaller tile.
func (c tiled) slice() float64 {
	const cache, reads = 48, 1.15 // bytes in a clock, on GPUs with tensor cores for bf16; the smaller tile's reads
	products := float64(c.m * c.n * c.depth)
	if !c.tensor() {
		if c.m == 64 {
			return reads * products * max(1/c.rate(), 6./4/128)
		}
		return products * max(1/c.rate(), 5./4/128)
	}
	shared := float64(c.threads()/32*(c.wm+c.wn)*c.depth*2) / 128
	multiply, wait := products/c.rate()+shared/2, float64((c.m+c.n)*c.depth*2)/cache
	return max(multiply, wait) + min(multiply, wait)/8
}

// rate is multiplications of a multiprocessor in a clock, from NVIDIA's papers on the architectures; of 9.0's tensor
// cores, what mma.sync reaches.
func (c tiled) rate() float64 {
	capability := c.on.capability
	switch {
	case c.tensor() && capability >= 90:
		return 1300
	case c.tensor() && capability == 80:
		return 1024
	case c.tensor():
		return 512
	case capability == 86 || capability >= 89:
		return 128
	}
	return 64
}

// product launches a tile's kernel for a product, such as conv2d_forward_128_f32 or conv2d_forward_tensor_128x96x64,
// over m along x, n along y or the other way round, copies and parts along z.
func (b *builder) product(p product, t tile, args ...any) {
	grid := dims{x: ceilDiv(p.m, t.m), y: ceilDiv(p.n, t.n), z: p.copies * t.splits}
	if p.across {
		grid.x, grid.y = grid.y, grid.x
	}
	name := p.stem + t.suffix()
	if !t.tensor() {
		name = b.named(name)
	}
	b.launch(name, grid, dims{}, t.shared(), args...)
}

// parts is where the parts of a product go: the result itself when there is one.
func (b *builder) parts(result operand, t tile) operand {
	if t.splits == 1 && result.element == float32s {
		return result
	}
	return b.partsOf(result, t)
}

// partsOf is memory for the parts of a product.
func (b *builder) partsOf(result operand, t tile) operand {
	n := result.bytes / result.element.size()
	return b.scratch(n * float32s.size() * int64(t.splits))
}

// finish adds the parts of a product up, and the bias, and rectifies, unless the one part is the result already.
func (b *builder) finish(result, parts, bias operand, rows, columns int, t tile, relu int32) {
	if parts == result && bias == null && relu == 0 {
		return
	}
	b.launch("finish_"+result.element.String(), cover(rows*columns, 256), dims{x: 256}, 0, result, parts, bias,
		int64(rows), int32(columns), int32(t.splits), relu)
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

// within31 checks that a count can be an index of the kernels.
func (b *builder) within31(what string, n int) {
	if n >= 1<<31 {
		b.fail("%s: %d, and the kernels count to 2^31: want a smaller batch", what, n)
	}
}

// flag is a truth as kernels take it.
func flag(is bool) int32 {
	if is {
		return 1
	}
	return 0
}
