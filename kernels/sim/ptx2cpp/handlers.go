package main

import "maps"

// handlers are the instructions that can be translated, by opcode. Each takes the modifiers and operands that it knows;
// everything else is an error.
var handlers = map[string]handler{}

func init() {
	for _, group := range []map[string]handler{integerHandlers, bitHandlers, floatHandlers, compareHandlers, moveHandlers,
		convertHandlers, memoryHandlers, atomicHandlers, controlHandlers, warpHandlers, tensorHandlers} {
		maps.Copy(handlers, group)
	}
}
