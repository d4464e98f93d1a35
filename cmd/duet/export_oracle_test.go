package main

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"duet/alexnet/convert/onnx"
)

// TestExportRandom: every network that can be trained can be exported, and the program finds no difference between the
// file and itself. DUET_TEST_EXPORTS says how many.
func TestExportRandom(t *testing.T) {
	for seed := range times(t, "DUET_TEST_EXPORTS", 8) {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			e := randomExperiment(t, 1000+uint64(seed))
			e.Cleanup(func() {
				if e.Failed() {
					e.Logf("%s", e.read("config.toml"))
				}
			})
			e.exports()
		})
	}
}

// TestExportConfigurations does so for networks that have every key between them.
func TestExportConfigurations(t *testing.T) {
	for name, text := range configurations {
		t.Run(name, func(t *testing.T) { newExperiment(t, text, 7, 12, 3, 2).exports() })
	}
}

var difference = regexp.MustCompile(`differ from duet's by at most (\S+)\n$`)

// exports trains two steps, and exports what that gives.
func (e *experiment) exports() {
	e.Helper()
	e.works(append([]string{"train", "config.toml", "--run", "run", "--devices", "reference:0"},
		sets("train.checkpoint_steps=1", "train.max_steps=2", "train.epochs=100")...)...)
	last := e.saved("run", 2)
	for _, more := range [][]string{nil, {"--half"}} {
		out := "model" + strings.Join(more, "") + ".onnx"
		r := e.works(append([]string{"export", "onnx", last, "--out", out, "--devices", "reference:0"}, more...)...)
		found := difference.FindStringSubmatch(r.stdout)
		if found == nil {
			e.Fatalf("said %q", r.stdout)
		}
		if d, err := strconv.ParseFloat(found[1], 64); err != nil || !(d <= 2e-5) {
			e.Errorf("%s: a difference of %s", out, found[1])
		}
		m, err := onnx.Read(e.path(out))
		e.check(err)
		props := map[string]string{}
		for _, p := range m.Metadata {
			props[p.Key] = p.Value
		}
		if !strings.HasSuffix(r.stdout, props["duet.verified"]+"\n") || props["duet.verified"] == "" {
			e.Errorf("metadata says %q, the program %q", props["duet.verified"], r.stdout)
		}
		for i := range m.Graph.Initializers {
			for _, x := range m.Graph.Initializers[i].Data {
				if x-x != 0 || math.Abs(float64(x)) > 1e6 {
					e.Fatalf("%s: %s has %v", out, m.Graph.Initializers[i].Name, x)
				}
			}
		}
	}
	if left, err := filepath.Glob(e.path("*.new")); err != nil || len(left) > 0 {
		e.Errorf("left: %v, %v", left, err)
	}
	e.check(os.RemoveAll(e.path("runs")))
}
