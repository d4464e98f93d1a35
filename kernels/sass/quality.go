package main

import (
	"fmt"
	"regexp"
	"strconv"
)

// card is what a multiprocessor of a GPU can do in a clock. It has four parts, each with a tensor core and a scheduler
// that issues one instruction of a warp.
type card struct {
	name string
	arch int // that kernels are compiled for
	bf16 int // multiplications with additions in bf16 on all four tensor cores; half as many in TF32
}

// The rates follow from the data sheets, with two operations for each multiplication and addition: an A100 does 312
// TFLOP/s with 108 multiprocessors at 1.41 GHz, an H100 989.4 with 132 at 1.83 GHz.
var cards = []card{{"A100", 80, 1024}, {"H100", 90, 2048}}

// parts of a multiprocessor; bytes that its shared memory gives or takes in a clock, for all of them.
const parts, sharedBytes = 4, 128

// quality is what the hot loop of a kernel is made of, by machine instructions of one warp.
type quality struct {
	instructions int
	products     int // HMMA
	clocks       int // that a tensor core takes for them at its peak
	matrices     int // LDSM
	gathers      int // LDG
	shared       int // clocks of shared memory, without conflicts
	copies       int // of the whole kernel: asynchronous ones to shared memory, LDGSTS
	wide         int // those of 16 bytes
	local        int // of the whole kernel: LDL and STL
}

// shape is that of an HMMA: the extents m, n and k of its product in decimal digits, run together.
var shape = regexp.MustCompile(`^HMMA\.(16)(8)(16|8|4)\.`)

// measure looks at a kernel; nil where it does not use tensor cores.
func (c card) measure(k *kernel) (*quality, error) {
	loop := k.hot()
	if loop == nil {
		return nil, nil
	}
	q := &quality{instructions: len(loop), products: count(loop, "HMMA"), matrices: count(loop, "LDSM"),
		gathers: count(loop, "LDG"), copies: count(k.code, "LDGSTS"), wide: count(k.code, "LDGSTS", "128"),
		local: count(k.code, "LDL") + count(k.code, "STL")}
	for _, i := range loop {
		q.shared += transfers(i) * 32 * 4 / sharedBytes
		if !i.is("HMMA") {
			continue
		}
		m := shape.FindStringSubmatch(i.name)
		if m == nil {
			return nil, fmt.Errorf("%s: %s is of no shape that is known", k.name, i.name)
		}
		product := 1
		for _, digits := range m[1:] {
			extent, err := strconv.Atoi(digits)
			if err != nil {
				return nil, err
			}
			product *= extent
		}
		rate := c.bf16
		if i.has("TF32") {
			rate /= 2
		}
		q.clocks += product * parts / rate
	}
	return q, nil
}

// transfers is how many words of 4 bytes each of a warp's 32 threads moves to or from shared memory, at least one.
func transfers(i instruction) int {
	switch {
	case i.is("LDSM"):
		for _, n := range []int{4, 2} {
			if i.has(strconv.Itoa(n)) {
				return n
			}
		}
	case i.is("LDS"), i.is("STS"), i.is("LDGSTS"):
		switch {
		case i.has("128"):
			return 4
		case i.has("64"):
			return 2
		}
	default:
		return 0
	}
	return 1
}

// issue is the share of the tensor cores' peak that is left when each instruction takes a clock to issue.
func (q *quality) issue() float64 { return float64(q.clocks) / float64(max(q.clocks, q.instructions)) }

// memory is the share that is left when the four parts take turns at shared memory.
func (q *quality) memory() float64 { return float64(q.clocks) / float64(max(q.clocks, parts*q.shared)) }
