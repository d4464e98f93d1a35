//go:build gpu && sim

package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSimTune: what tuning measures is printed, logged and kept in the run's configuration, for both GPUs alike; a
// resumed run takes it without measuring again, and comes to the same bytes as one that was never stopped.
func TestSimTune(t *testing.T) {
	s := newSimulated(t)
	args := func(run, steps string) []string {
		return append([]string{"train", "smoke", "--run", run}, append(sets("devices.tune=true", "devices.precision=bf16",
			"train.max_steps="+steps, "train.validate_epochs=0", "train.checkpoint_epochs=0", "train.checkpoint_steps=4"),
			pair...)...)
	}
	r, _ := s.clean(nil, args("whole", "8")...)
	config, log := string(s.read("runs", "whole", "config.toml")), string(s.read("runs", "whole", "log.txt"))
	kernels := config[strings.Index(config, "[[devices.kernels]]"):]
	for _, operation := range []string{"conv2d ", "conv2d_grad_weight ", "linear ", "linear_grad_input ",
		"linear_grad_weight "} {
		line := "work = \"" + operation
		if !strings.Contains(kernels, line) || !strings.Contains(r.stderr, ": "+operation) ||
			!strings.Contains(log, ": "+operation) {
			t.Errorf("%s is not in the configuration, printed and logged:\n%s\n%s\n%s", operation, kernels, r.stderr, log)
		}
	}
	if n, m := strings.Count(kernels, "work ="), strings.Count(r.stderr, "bf16: "); n != m {
		t.Errorf("%d choices of %d measurements: want one each, for both GPUs together", n, m)
	}

	// The same choices, stopped and resumed.
	s.write([]byte(strings.Replace(config, "max_steps = 8", "max_steps = 4", 1)), "runs", "half", "config.toml")
	r, _ = s.clean(nil, "train", s.path("runs", "half", "config.toml"), "--run", "stopped")
	if strings.Contains(r.stderr, "simt_") {
		t.Errorf("measured what the configuration says:\n%s", r.stderr)
	}
	r, _ = s.clean(nil, append([]string{"train", "--run", "stopped", "--resume"}, sets("train.max_steps=8")...)...)
	if strings.Contains(r.stderr, "simt_") {
		t.Errorf("a resumed run measured again:\n%s", r.stderr)
	}
	last := filepath.Join("checkpoints", "step-00000008.safetensors")
	s.same(s.path("runs", "whole", last), s.path("runs", "stopped", last))

	// A choice that the device does not have.
	use := regexp.MustCompile(`use = "[^"]+"`)
	s.write(use.ReplaceAll([]byte(config), []byte(`use = "tensor_64x64x64"`)), "runs", "newer", "config.toml")
	r, _ = s.cuda([]string{"DUET_SIM_CAPABILITY=7.0"}, "train", s.path("runs", "newer", "config.toml"), "--run", "older")
	s.failed(r, 1, []string{"devices.kernels", "tensor_64x64x64", "simt_64"})
}
