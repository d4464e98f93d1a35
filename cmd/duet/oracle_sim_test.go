//go:build gpu && sim

package main

import (
	"strconv"
	"testing"
)

// TestSimOracle holds two simulated GPUs, and one, against the oracle.
func TestSimOracle(t *testing.T) {
	for name, text := range configurations {
		t.Run(name, func(t *testing.T) { newExperiment(t, text, 7, 12, 3, 2).onGPUs(t) })
	}
}

// onGPUs holds every placement of the simulated driver against the oracle.
func (e *experiment) onGPUs(t *testing.T) {
	t.Helper()
	for _, pl := range []placement{{"cuda:0", "fp32"}, {"cuda:0,cuda:1", "fp32"}} {
		if pl.needsTowers() && e.config.Network.Towers == 1 {
			continue
		}
		t.Run(pl.String(), func(t *testing.T) {
			s := &simulated{place: &place{t, e.dir}}
			e.at(t).hold(pl, func(args ...string) result {
				r, _ := s.clean(nil, args...)
				return r
			})
		})
	}
}

// TestSimOracleRandom does so on random networks, of which DUET_TEST_NETWORKS says how many.
func TestSimOracleRandom(t *testing.T) {
	for seed := range times(t, "DUET_TEST_NETWORKS", 3) {
		t.Run(strconv.Itoa(seed), func(t *testing.T) { randomExperiment(t, uint64(seed)).onGPUs(t) })
	}
}
