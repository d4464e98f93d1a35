//go:build gpu && sim

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSimTune: what tuning measures is logged and kept in the run's configuration, for both GPUs alike, and its time is
// printed; a resumed run takes it without measuring again, and comes to the same bytes as one that was never stopped.
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
		if !strings.Contains(kernels, line) || !strings.Contains(log, ": "+operation) {
			t.Errorf("%s is not in the configuration and logged:\n%s\n%s", operation, kernels, log)
		}
	}
	n := strings.Count(kernels, "work =")
	if m := strings.Count(log, "bf16: "); n != m {
		t.Errorf("%d choices of %d measurements: want one each, for both GPUs together", n, m)
	}
	if said := fmt.Sprintf("kernels measured for %d pieces of work, in ", n); strings.Count(r.stderr, said) != 1 ||
		strings.Contains(r.stderr, "bf16: ") {
		t.Errorf("want one line of measurements, %q:\n%s", said, r.stderr)
	}

	// The same choices, stopped and resumed.
	s.write([]byte(strings.Replace(config, "max_steps = 8", "max_steps = 4", 1)), "runs", "half", "config.toml")
	quiet := func(what string, r result) {
		t.Helper()
		if strings.Contains(r.stderr, "measured") {
			t.Errorf("%s measured:\n%s", what, r.stderr)
		}
	}
	tuned := sets("devices.tune=true", "train.max_steps=8")
	r, _ = s.clean(nil, append([]string{"train", s.path("runs", "half", "config.toml"), "--run", "stopped"},
		tuned[:2]...)...)
	quiet("a run whose configuration says what to choose", r)
	s.check(os.CopyFS(s.path("runs", "other"), os.DirFS(s.path("runs", "stopped"))))
	r, _ = s.clean(nil, append([]string{"train", "--run", "stopped", "--resume"}, tuned...)...)
	quiet("a resumed run", r)
	last := filepath.Join("checkpoints", "step-00000008.safetensors")
	s.same(s.path("runs", "whole", last), s.path("runs", "stopped", last))

	// A run that is gone on with by the configuration that it began with, and one that is to choose anew.
	r, _ = s.clean(nil, append(args("other", "8"), "--resume")...)
	quiet("a run resumed by its first configuration", r)
	s.same(s.path("runs", "whole", last), s.path("runs", "other", last))
	r, _ = s.clean(nil, append([]string{"train", "--run", "other", "--resume"},
		sets("devices.tune=true", "train.max_steps=9", "devices.kernels=[]")...)...)
	if !strings.Contains(r.stderr, "kernels measured for ") {
		t.Errorf("devices.kernels=[] did not measure:\n%s", r.stderr)
	}

	// A choice that the device does not have.
	use := regexp.MustCompile(`use = "[^"]+"`)
	s.write(use.ReplaceAll([]byte(config), []byte(`use = "tensor_64x64x64"`)), "runs", "newer", "config.toml")
	r, _ = s.cuda([]string{"DUET_SIM_CAPABILITY=7.0"}, "train", s.path("runs", "newer", "config.toml"), "--run", "older")
	s.failed(r, 1, []string{"devices.kernels", "tensor_64x64x64", "simt_64", "--set devices.kernels=[] chooses anew"})
	r, _ = s.clean([]string{"DUET_SIM_CAPABILITY=7.0"}, "train", s.path("runs", "newer", "config.toml"), "--run", "older",
		"--set", "devices.kernels=[]", "--set", "devices.tune=false")
	quiet("devices.tune=false", r)

	// An evaluation does not measure, and goes by the count where the device lacks a choice.
	for _, capability := range []string{"7.0", "8.0"} {
		r, _ = s.clean([]string{"DUET_SIM_CAPABILITY=" + capability}, "eval", s.path("runs", "whole", last), "--devices",
			"cuda:0")
		quiet("an evaluation", r)
	}
}
