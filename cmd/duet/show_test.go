package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
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

// TestShowFilters: the filters of a run, as a picture, as a table and as JSON.
func TestShowFilters(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run")...)
	p.works("show", "filters", "runs/run")
	if !bytes.HasPrefix(p.read("filters.png"), []byte("\x89PNG")) {
		t.Error("filters.png is none")
	}
	p.works("show", "filters", "runs/run", "--layer", "conv2", "--out", "conv2.svg")
	var all []selectivity
	p.object(p.works("show", "filters", "runs/run", "--json"), &all)
	if len(all) < 2 || all[len(all)-1].Tower != 1 || all[0].Selectivity <= 0 || all[0].Selectivity > 1 {
		t.Errorf("%v", all)
	}
	p.works("show", "filters", "runs/run", "--out", "filters.csv")
	if lines := strings.Split(string(p.read("filters.csv")), "\n"); lines[0] != "tower,filter,selectivity" ||
		len(lines) != len(all)+2 {
		t.Errorf("%d lines for %d filters: %s", len(lines), len(all), lines[0])
	}
	var moves []move
	p.object(p.works("show", "filters", "runs/run", "--every", "--json"), &moves)
	last := moves[len(moves)-1]
	var sum float64
	for _, s := range all[len(all)/2:] { // of the second tower, after the run's last step, which is its best
		sum += s.Selectivity / float64(len(all)/2)
	}
	if len(moves) < 4 || moves[0].Step >= last.Step || last.Tower != 1 || !(math.Abs(last.Selectivity-sum) <= 1e-9) {
		t.Errorf("%+v, want at last %v", moves, sum)
	}
	p.works("show", "filters", "runs/run", "--every", "--out", "moves.svg")
	if !strings.Contains(string(p.read("moves.svg")), ">tower 1<") {
		t.Error("no second tower in moves.svg")
	}
	p.works("show", "filters", "runs/run", "--every", "--out", "moves.csv")
	if rows := p.table("moves.csv"); len(rows) != len(moves) {
		t.Errorf("%d rows of %d", len(rows), len(moves))
	}
	p.refused(exitFailed, []string{"runs/run/config.toml", "folder of a run"}, "show", "filters",
		"runs/run/config.toml", "--every")
	p.refused(exitUsage, []string{".svg, .png or .csv"}, "show", "filters", "runs/run", "--out", "filters.jpg")
	p.refused(exitUsage, []string{"conv2 sees", "of three"}, "show", "filters", "runs/run", "--layer", "conv2", "--json")
	p.refused(exitFailed, []string{"no convolution x: want one of conv1"}, "show", "filters", "runs/run", "--layer", "x")
}

// TestPlot: curves of two runs, as a picture and as the numbers that metrics.jsonl has.
func TestPlot(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("one")...)
	p.works(trainArgs("two")...)
	p.works("plot", "runs/one", "runs/two/", "--by", "epoch", "--smooth", "0.5")
	for _, want := range []string{">one<", ">two, validation<", ">epoch<"} {
		if !strings.Contains(string(p.read("plot.svg")), want) {
			t.Errorf("no %s in plot.svg", want)
		}
	}
	p.works("plot", "runs/one", "--of", "loss,rate", "--out", "plot.csv")
	rows := strings.Split(strings.TrimSpace(string(p.read("plot.csv"))), "\n")
	steps := 0
	for _, m := range p.metrics("one") {
		if _, is := m["loss"]; !is {
			continue
		}
		steps++
		want := fmt.Sprintf("loss,one,%v,%v", m["step"], m["loss"])
		if !slices.Contains(rows, want) {
			t.Errorf("no row %s", want)
		}
	}
	if steps == 0 || rows[0] != "measure,curve,step,value" {
		t.Errorf("%d steps, first row %s", steps, rows[0])
	}
	p.refused(exitUsage, []string{"--by day", "step, epoch, hour"}, "plot", "runs/one", "--by", "day")
	p.refused(exitUsage, []string{"--of x", "loss, error"}, "plot", "runs/one", "--of", "x")
	p.refused(exitUsage, []string{"--smooth 1"}, "plot", "runs/one", "--smooth", "1")
	p.refused(exitUsage, []string{"--out p.gif"}, "plot", "runs/one", "--out", "p.gif")
	p.refused(exitFailed, []string{"runs/no is no run"}, "plot", "runs/no")
}
