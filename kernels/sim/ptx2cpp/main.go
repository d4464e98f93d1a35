// ptx2cpp translates a PTX text that nvcc made into C++ that the simulated CUDA driver links, so that what runs is what
// the compiler for the GPU understood, not only what a compiler for the host understands of the same source.
//
//	ptx2cpp -o softmax.cpp softmax.ptx
//
// Each .entry becomes a function that runs one thread of a kernel and an entry of the driver's table of kernels. A
// register is a variable of as many bits; instructions look at it as their type says (kernels/sim/ptx_*.h). Semantics
// are those of the PTX ISA; where it leaves something open:
//
//   - The bits of a NaN are the host's; min, max and conversions to small floats give the canonical one.
//   - Approximate functions are the host's, which are closer than the hardware's.
//   - Division of an integer by zero gives all ones, the remainder the dividend, as the hardware does.
//   - Caches, scopes and prefetches have no effect; fences and atomics hold for all threads of the host.
//   - .global and .const variables exist once, not once a device.
//
// Accesses to global memory are checked: they must be aligned and within one live allocation that the launch's context
// may use. Those to shared memory must be within the block's. Local memory and parameters are not checked, except by
// name when translating. Barriers and collectives are those of the driver, with its checks. Races and uninitialised
// reads are looked for in the checked build only.
//
// What is not known is an error that names the line and gives the instruction, never left out: among them named
// barriers, textures, wmma, wgmma, bulk copies, indirect calls and functions without a body (vprintf).
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("o", "", "the C++ file to write")
	flag.Parse()
	if flag.NArg() != 1 || *out == "" {
		fmt.Fprintln(os.Stderr, "usage: ptx2cpp -o FILE.cpp FILE.ptx")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	cpp, err := Translate(from, string(text))
	if err != nil {
		return fmt.Errorf("ptx2cpp: %w", err)
	}
	return os.WriteFile(to, cpp, 0o644)
}
