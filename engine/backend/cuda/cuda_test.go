//go:build gpu

package cuda

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"duet/engine/backend"
	"duet/engine/backend/conformance"
)

// TestMain refuses to run where no test could say anything: `make test-sim` runs them on the simulated driver, whose
// report must then tell of nothing that a test did not mean to do.
func TestMain(m *testing.M) {
	if err := driverProblem(); err != nil {
		fmt.Fprintf(os.Stderr, "these tests want a GPU, or make test-sim: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("CUDA driver %s\n", driverPath())
	code := m.Run()
	if path := os.Getenv("DUET_SIM_REPORT"); path != "" {
		if err := clean(path); err != nil {
			fmt.Fprintf(os.Stderr, "the simulated driver: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// clean reads the simulated driver's report. newBroken is a launch beyond the limits, and meant to be.
func clean(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var report struct {
		Devices     []struct{ Device int }
		Diagnostics []struct {
			Check string
			Texts []string
		}
		Leaks []string
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(report.Devices) == 0 {
		return fmt.Errorf("%s: no devices", path)
	}
	for _, d := range report.Diagnostics {
		if d.Check != "launch limits" {
			return fmt.Errorf("%s: %v", d.Check, d.Texts)
		}
	}
	if len(report.Leaks) > 0 {
		return fmt.Errorf("leaks: %v", report.Leaks)
	}
	return nil
}

// devices are the devices under test, opened in turn: DUET_TEST_DEVICES, or the machine's first two GPUs.
func devices(t testing.TB) []string {
	t.Helper()
	if names := os.Getenv("DUET_TEST_DEVICES"); names != "" {
		return strings.Split(names, ",")
	}
	found, err := list()
	if err != nil || len(found) == 0 {
		t.Fatalf("no GPU: %v", err)
	}
	var names []string
	for _, d := range found[:min(2, len(found))] {
		names = append(names, d.Name)
	}
	return names
}

// opener opens the devices under test in turn. They must have CUDA graphs, which every driver can capture.
func opener(t testing.TB, o backend.Options) func(testing.TB) backend.Device {
	t.Helper()
	return openerOf(devices(t), o)
}

func openerOf(names []string, o backend.Options) func(testing.TB) backend.Device {
	next := atomic.Int64{}
	return func(t testing.TB) backend.Device {
		t.Helper()
		o.Log = func(line string) {
			if strings.Contains(line, "CUDA graphs") {
				t.Error(line)
			}
		}
		d, err := backend.Open(names[int(next.Add(1)-1)%len(names)], o)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

func TestConformance(t *testing.T) {
	for _, precision := range precisions {
		t.Run(precision, func(t *testing.T) {
			conformance.Run(t, opener(t, backend.Options{Precision: precision}), conformance.Options{
				Precision: precision, Fault: newBroken, Slow: os.Getenv("DUET_TEST_SMALL") != "",
			})
		})
	}
}

// TestTwoOfOneGPU: devices of one GPU, as streams of its context and as contexts, copy from each other and wait for
// each other.
func TestTwoOfOneGPU(t *testing.T) {
	name := devices(t)[0]
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprintf("apart=%v", apart), func(t *testing.T) {
			open := openerOf([]string{name}, backend.Options{Apart: apart})
			conformance.Together(t, open, conformance.Options{Precision: "fp32"})
		})
	}
}

// newBroken is a kernel without operands whose launch the driver refuses.
func newBroken(t testing.TB, on backend.Device) backend.Kernel {
	t.Helper()
	d := on.(*device)
	f, err := d.module.function("relu_forward_f32")
	if err != nil {
		t.Fatal(err)
	}
	null := argument{bytes: make([]byte, 8)}
	return &kernel{on: d, inPlace: -1, steps: []step{{
		kind: stepLaunch, name: "broken", function: f, grid: [3]uint32{1, 1, 1}, block: [3]uint32{4096, 1, 1},
		args: []argument{null, null, null},
	}}}
}
