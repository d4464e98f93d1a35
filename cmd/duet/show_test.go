package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestShowNetwork: a configuration and the checkpoint of its training are drawn alike, in the format of the file's
// name.
func TestShowNetwork(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run")...)
	for _, network := range []string{"runs/run/config.toml", "runs/run", "runs/run/checkpoints/best.safetensors"} {
		if r := p.works("show", "network", network); r.stdout != "network.svg\n" {
			t.Errorf("%s: prints %q", network, r.stdout)
		}
		p.check(os.Rename(p.path("network.svg"), p.path(strings.ReplaceAll(network, "/", "-")+".svg")))
	}
	first := p.read("runs-run-config.toml.svg")
	for _, other := range []string{"runs-run.svg", "runs-run-checkpoints-best.safetensors.svg"} {
		if !bytes.Equal(first, p.read(other)) {
			t.Errorf("%s is drawn otherwise", other)
		}
	}
	p.works("show", "network", "smoke", "--out", "a.PNG", "--style", "boxes")
	if !bytes.HasPrefix(p.read("a.PNG"), []byte("\x89PNG")) {
		t.Error("a.PNG is none")
	}
	p.refused(exitUsage, []string{"--out a.pdf", ".svg or .png"}, "show", "network", "smoke", "--out", "a.pdf")
	p.refused(exitUsage, []string{"--style x", "layers or boxes"}, "show", "network", "smoke", "--style", "x")
	p.refused(exitUsage, []string{"--set of a checkpoint"}, "show", "network", "runs/run", "--set", "seed=1")
	p.refused(exitFailed, []string{"no/a.svg"}, "show", "network", "smoke", "--out", "no/a.svg")
	p.refused(exitUsage, []string{"unknown.toml"}, "show", "network", "unknown.toml")
	p.refused(exitUsage, []string{"towers"}, "show", "network", "smoke", "--set", "network.towers=3")
}
