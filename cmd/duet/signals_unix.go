//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreLimits makes writing beyond a limit on the size of files an error, as on a full disk.
func ignoreLimits() { signal.Ignore(syscall.SIGXFSZ) }
