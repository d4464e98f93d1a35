package main

import (
	"os"
	"runtime/debug"
)

// limitMemory has the garbage collector work harder, rather than let the heap grow to twice of what is in use, as it
// would with the names of a million images. GOGC in the environment has precedence.
func limitMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40)
	}
}
