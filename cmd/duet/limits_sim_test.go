//go:build gpu && sim

package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duet/engine/limits"
)

// TestSimOutline: what `duet plan --limits` counts without a GPU is what the plan of one has, step by step.
func TestSimOutline(t *testing.T) {
	s := newSimulated(t)
	for _, devices := range []string{"cuda:0", "cuda:0,cuda:1"} {
		args := []string{"--devices", devices, "--batch", "2", "--precision", "bf16"}
		var outline limits.Report
		s.object(s.works(append([]string{"plan", s.config("alexnet"), "--limits", "h100", "--json"}, args...)...), &outline)
		compiled, _ := s.plan(args...)
		if len(outline.Steps) != len(compiled.Steps) {
			t.Errorf("%s: %d steps counted, %d compiled", devices, len(outline.Steps), len(compiled.Steps))
			continue
		}
		for i, c := range compiled.Steps {
			o := outline.Steps[i]
			if o.Device != c.Device || o.Layer != c.Layer || o.Op != c.Op || o.Pass != c.Pass() || o.FLOPs != c.FLOPs ||
				o.Bytes != c.Moved.Bytes("bf16") {
				t.Errorf("%s: step %d counted as %+v, compiled as %+v", devices, i, o, c)
			}
		}
	}
}

// traffic is what the kernels of a training step move, in bytes by kernel, and memsets under "set": every word that a
// launch reads or writes once, as the checked build of the simulated driver counts it. The step is the second of two,
// whose first one another run does alone.
func (s *simulated) traffic(config []string) map[string]int64 {
	s.Helper()
	step := map[string]int64{}
	for i, run := range []string{"one", "two"} {
		_, report := s.clean(nil, slices.Concat([]string{"train", "smoke", "--run", run}, config,
			sets("train.validate_epochs=0", "train.checkpoint_epochs=0", fmt.Sprint("train.max_steps=", i+1)))...)
		d := report.Devices[0]
		if len(d.Read) == 0 {
			s.Skip("this build of the simulated driver does not count what kernels read: the checked one does")
		}
		d.Read["set"] = d.Set
		for _, bytes := range []map[string]int64{d.Read, d.Written} {
			for kernel, n := range bytes {
				step[kernel] += int64(2*i-1) * n
			}
		}
	}
	s.check(os.RemoveAll(s.path("runs")))
	return step
}

// operationOf is the operation that a kernel is named after, one of those, or nothing.
func operationOf(kernel string, operations []string) (operation string) {
	kernel = strings.ReplaceAll(strings.ReplaceAll(kernel, "_forward", ""), "_backward", "_grad")
	for _, o := range operations {
		if strings.HasPrefix(kernel, o) && len(o) > len(operation) {
			operation = o
		}
	}
	return operation
}

// TestTraffic: in one step of a small network like AlexNet the kernels read and write what the plan counts, but for a
// small factor: all of them together, and those that are named after an operation. `make test-sim-checked` runs this.
func TestTraffic(t *testing.T) {
	const (
		// On top of the count come the parts of divided sums, which are written, and read by other kernels, and in bf16
		// the padding of images of three channels to eight, which this network's first convolution of stride 1 wants
		// (AlexNet's of stride 4 has 48 without padding): 33 % of the sum and 72 % of one operation, when this was written.
		most, mostOfOne = 1.4, 1.8
		least           = 0.9  // of the sum: kernels that move less do it better than the count knows
		parts           = 4096 // bytes of parts, where an operation moves hardly more than that
	)
	s := newSimulated(t)
	for _, precision := range []string{"fp32", "bf16"} {
		config := sets("data.crop=64", "data.generated.size=72", "train.batch=16", `devices.towers=["cuda:0"]`,
			"devices.precision="+strconv.Quote(precision))
		step := s.traffic(config)
		var outline limits.Report
		s.object(s.works(slices.Concat([]string{"plan", "smoke", "--json", "--limits", "h100"}, config)...), &outline)
		counted, moved := map[string]int64{}, map[string]int64{}
		for _, o := range outline.Operations { // kernels have one name with and without the rectifier's gradient
			counted[strings.TrimSuffix(o.Op, "_relu")] += o.Bytes
			counted["all"] += o.Bytes
		}
		operations := slices.Sorted(maps.Keys(counted))
		for kernel, bytes := range step {
			moved[operationOf(kernel, operations)] += bytes
			moved["all"] += bytes
		}
		for _, o := range operations {
			got, want := float64(moved[o]), float64(counted[o])
			t.Logf("%s: %s moves %.0f bytes, counted are %.0f", precision, o, got, want)
			if o == "all" && !(got >= least*want && got <= most*want) || got > mostOfOne*want+parts {
				t.Errorf("%s: %s moves %.0f bytes, counted are %.0f; want %v to %v times that, of one operation up to %v",
					precision, o, got, want, least, most, mostOfOne)
			}
		}
		t.Logf("%s: kernels of no operation move %d bytes", precision, moved[""])
	}
}

// TestSimLaunches: a training step of AlexNet at the paper's batch is at most fifty launches, with tensor cores and one
// launch for all updates, and only kernels: nothing is filled, moved or converted by a launch of its own.
func TestSimLaunches(t *testing.T) {
	s := newSimulated(t)
	compiled, _ := s.plan("--devices", "cuda:0", "--batch", "128", "--precision", "bf16")
	var launches []string
	for _, step := range compiled.Steps {
		if step.Op == "sgd" && slices.Contains(launches, "sgd_update") {
			continue
		}
		for _, name := range strings.Fields(step.Kernel) {
			if name != "copy" || step.Op != "flatten" && step.Op != "unflatten" { // those are in place
				launches = append(launches, name)
			}
		}
	}
	if n := len(launches); n > 50 || n < 30 {
		t.Errorf("%d launches: %v", n, launches)
	}
	for _, name := range launches {
		if strings.HasPrefix(name, "convert") || strings.HasPrefix(name, "transpose") || name == "copy" {
			t.Errorf("a launch that only moves: %s", name)
		}
	}
}
