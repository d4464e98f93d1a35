package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// withSignals gives a context that ends with the first SIGINT, SIGTERM or SIGHUP, so that a run can save itself.
// caught is the number of the first signal, 0 before.
//
// A second SIGINT or SIGTERM ends the process at once. A SIGHUP never does: of a terminal that is closed, kernel and
// shell send one each, and some systems a SIGTERM beside it.
//
// What is ignored at the start stays so: SIGHUP under nohup, SIGINT of what a shell's script runs in the background.
func withSignals(parent context.Context) (ctx context.Context, caught func() int) {
	ctx, cancel := context.WithCancel(parent)
	ignoreLimits()
	// A reader of stdout or stderr that ends first, as the tee of "duet train 2>&1 | tee log" at Ctrl-C, makes writing an
	// error, and is not the end of the program.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 4)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	var first atomic.Int32
	go func() {
		asked := false // by a signal of which a second one leaves at once
		for s := range signals {
			number := int32(s.(syscall.Signal))
			is := s != syscall.SIGHUP
			if is && asked {
				os.Exit(128 + int(number))
			}
			asked = asked || is
			if first.CompareAndSwap(0, number) {
				fmt.Fprintf(os.Stderr, "\nduet: %v: stopping in good order; once more to leave at once\n", s)
				cancel()
			}
		}
	}()
	return ctx, func() int { return int(first.Load()) }
}
