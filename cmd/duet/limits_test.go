package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/engine/limits"
)

// TestPlanLimits: what a card allows, on a machine that has no such card, and with a build that knows of none.
func TestPlanLimits(t *testing.T) {
	p := newPlace(t)
	var r limits.Report
	p.object(p.works("plan", "smoke", "--devices", "cuda:0,cuda:1", "--limits", "a100", "--batch", "64", "--json"), &r)
	if r.Batch != 64 || r.Precision != "fp32" || r.Card.Name != "a100" || len(r.Devices) != 2 || !(r.MS > 0) ||
		len(r.Steps) < 50 {
		t.Errorf("%+v", r)
	}
	p.object(p.works("plan", "smoke", "--devices", "cuda:1,cuda:1", "--limits", "a100", "--json"), &r)
	if len(r.Devices) != 1 || r.Card.Link != r.Card.DRAM/2 { // a card copies within its memory
		t.Errorf("%+v", r)
	}
	said := p.works("plan", "smoke", "--devices", "auto", "--limits", "h200", "--precision", "bf16")
	if !strings.HasPrefix(said.stdout, "limits of an h200 in bf16, batch 16: ") ||
		!strings.Contains(said.stderr, "auto: taking one card") || !strings.HasSuffix(said.stdout, " images/s\n") {
		t.Errorf("%.300s\n%s", said.stdout, said.stderr)
	}
	testing := p.works("plan", "smoke", "--devices", "cuda:0", "--limits", "h100", "--test").stdout
	if strings.Contains(testing, "sgd") || !strings.Contains(testing, "softmax") {
		t.Errorf("--test: %s", testing)
	}
}

// TestBenchLimits: kernels beside a card's limits.
func TestBenchLimits(t *testing.T) {
	p := newPlace(t)
	bench := []string{"bench", "smoke", "--devices", "reference:0", "--steps", "1", "--kernels"}
	said := p.works(append(bench, "--limits", "a100")...).stdout
	for _, want := range []string{"TFLOP/s", "GB/s", "a100 limit, ms", "share", "arithmetic", "memory", " all "} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
	if said := p.works(bench...).stdout; strings.Contains(said, "limit") { // a CPU has no card's limits
		t.Error(said)
	}
	var s struct {
		Card    string
		Kernels []struct {
			MS, Share float64
			Limit     float64 `json:"limit_ms"`
			By        string
		}
	}
	p.object(p.works(append(bench, "--limits", "a100", "--json")...), &s)
	if s.Card != "a100" || len(s.Kernels) == 0 {
		t.Fatalf("%+v", s)
	}
	for _, k := range s.Kernels {
		if k.By == "" || k.MS > 0 && !(k.Share-k.Limit/k.MS <= 1e-9 && k.Limit/k.MS-k.Share <= 1e-9) {
			t.Errorf("%+v", k)
		}
	}
}

var update = flag.Bool("update", false, "write what the program says into kernels/README.md")

// TestCountOfKernelsREADME: the table of counts is what the program says, to the letter.
func TestCountOfKernelsREADME(t *testing.T) {
	p := newPlace(t)
	path := filepath.Join("..", "..", "kernels", "README.md")
	old, err := os.ReadFile(path)
	p.check(err)
	var count bytes.Buffer
	config, err := filepath.Abs(filepath.Join("..", "..", "configs", "alexnet.toml"))
	p.check(err)
	for _, precision := range []string{"fp32", "bf16"} {
		args := []string{"--devices", "cuda:0", "--batch", "128", "--limits", "h100", "--precision", precision}
		parts := strings.SplitN(p.works(append([]string{"plan", config}, args...)...).stdout, "\n\n", 3)
		fmt.Fprintf(&count, "```\n$ duet plan configs/alexnet.toml %s\n...\n%s```\n\n", strings.Join(args, " "),
			parts[len(parts)-1])
	}
	const begin, end = "<!-- make kernels-count writes this -->\n\n", "<!-- to here -->\n"
	before, rest, _ := strings.Cut(string(old), begin)
	_, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no place for the count, between %q and %q", path, begin, end)
	}
	want := before + begin + count.String() + end + after
	switch {
	case want == string(old):
	case *update:
		p.check(os.WriteFile(path, []byte(want), 0o644))
	default:
		t.Errorf("%s has another count than the program: make kernels-count writes it", path)
	}
}
