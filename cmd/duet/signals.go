package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// withSignals gives a context that ends with the first SIGINT or SIGTERM, so that a run can save itself. A second one
// ends the process at once. caught is the number of the first signal, 0 before.
func withSignals(parent context.Context) (ctx context.Context, caught func() int) {
	ctx, cancel := context.WithCancel(parent)
	var first atomic.Int32
	signal.Ignore(syscall.SIGXFSZ) // writing beyond a limit on the size of files is an error, as on a full disk
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for s := range signals {
			number := int32(s.(syscall.Signal))
			if !first.CompareAndSwap(0, number) {
				os.Exit(128 + int(number))
			}
			fmt.Fprintf(os.Stderr, "\nduet: %v: stopping in good order; once more to leave at once\n", s)
			cancel()
		}
	}()
	return ctx, func() int { return int(first.Load()) }
}
