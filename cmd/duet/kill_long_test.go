//go:build long

package main

import (
	"testing"
	"time"
)

// TestKillLong kills a run of 200 steps five times at random moments.
func TestKillLong(t *testing.T) {
	killed(t, 5, 200, 400*time.Millisecond)
}
