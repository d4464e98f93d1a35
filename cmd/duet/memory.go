package main

import (
	"os"
	"runtime/debug"
)

// memoryGoal is what a preparation keeps below, of memory that Go manages; images of extreme sizes take more for a moment.
const memoryGoal = 224 << 20

// limitMemory has the garbage collector work harder rather than let the heap grow to twice of what is in use, as it would
// with the names of a million images. GOMEMLIMIT in the environment has precedence.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
}
