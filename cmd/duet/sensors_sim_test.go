//go:build gpu && sim

package main

import (
	"testing"

	"duet/engine/backend"
)

// TestSimSensors: each GPU's own sensors are read where NVML is there, and missed by nobody where it is not.
func TestSimSensors(t *testing.T) {
	s := newSimulated(t)
	for _, c := range []struct {
		nvml string // "": the simulated one
		want []string
	}{
		{"", []string{"40 °C, 70 W, 0 % busy", "41 °C, 71 W, 0 % busy"}},
		{"DUET_NVML=libnone.so", []string{"", ""}},
		{"DUET_NVML=libc.so.6", []string{"", ""}},
	} {
		var env []string
		if c.nvml != "" {
			env = append(env, c.nvml)
		}
		r, _ := s.clean(env, "devices", "--json")
		var all []backend.Info
		s.object(r, &all)
		var got []string
		for _, d := range all {
			if d.Capability == "" { // no GPU
				continue
			}
			if d.Sensors == nil {
				got = append(got, "")
				continue
			}
			got = append(got, d.Sensors.String())
		}
		if len(got) != 2 || got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("%q: %q, want %q", c.nvml, got, c.want)
		}
	}
}
