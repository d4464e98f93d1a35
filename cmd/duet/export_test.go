package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

// TestTensorBoard: a run keeps one file of events that has something in it, also when it is gone on with; the export
// has the same in a new folder.
func TestTensorBoard(t *testing.T) {
	p := newPlace(t)
	events := func(dir string) (size int64) {
		files, err := filepath.Glob(p.path(dir, "events.out.tfevents.*.duet"))
		p.check(err)
		for _, file := range files {
			info, err := os.Stat(file)
			p.check(err)
			if info.Size() > 0 && size > 0 {
				t.Errorf("%s has more than one file of events", dir)
			}
			size = max(size, info.Size())
		}
		return size
	}
	p.works(trainArgs("run", sets("train.max_steps=6")...)...)
	if events("runs/run") != 0 {
		t.Error("a run without --tensorboard has events")
	}
	p.works("train", "--run", "run", "--resume", "--tensorboard", "--set", "train.max_steps=12")
	if r := p.works("export", "tensorboard", "runs/run", "boards/run"); r.stdout != "boards/run\n" {
		t.Errorf("prints %q", r.stdout)
	}
	if kept, exported := events("runs/run"), events("boards/run"); kept == 0 || kept != exported {
		t.Errorf("%d bytes of events in the run, %d exported", kept, exported)
	}
	p.refused(exitUsage, []string{"boards/run", "want the name of a new folder"}, "export", "tensorboard", "runs/run",
		"boards/run")
	p.refused(exitUsage, []string{"no run", "boards"}, "export", "tensorboard", "boards", "other")
	p.refused(exitUsage, []string{"1 argument, want RUN OUT"}, "export", "tensorboard", "runs/run")
}

// TestExportNetwork: what there is to say of a file's name, and that a network which gives no numbers, or weights that
// are too large for float16, leave nothing.
func TestExportNetwork(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run")...)
	before := p.holds()
	for _, c := range []struct{ what, out string }{{"onnx", "a.onnx"}, {"pytorch", "a"},
		{"safetensors", "a.safetensors"}} {
		r := p.works("export", c.what, "runs/run", "--out", c.out)
		if !strings.HasPrefix(r.stdout, c.out+": ") || !strings.Contains(r.stdout, " parameters") ||
			!strings.Contains(r.stderr, "checkpoint: runs/run/checkpoints/best.safetensors") {
			t.Errorf("said %q and %q", r.stdout, r.stderr)
		}
		p.refused(exitUsage, []string{c.out + " exists: give another name, or remove it first"}, "export", c.what,
			"runs/run", "--out", c.out)
		p.refused(exitFailed, []string{"nowhere"}, "export", c.what, "runs/run", "--out", "nowhere/"+c.out)
		p.check(os.RemoveAll(p.path(c.out)))
	}
	path := p.last("run")
	for value, c := range map[float32]struct {
		flags []string
		words []string
		whats []string
	}{
		float32(math.NaN()): {nil, []string{"of its own check", "NaN"}, []string{"onnx"}},
		70000:               {[]string{"--half"}, []string{"fc5.bias: a weight of 70000 is too large for float16"}, exports},
	} {
		f, err := checkpoint.Load(path)
		p.check(err)
		bias, _ := f.Tensor("fc5.bias")
		bias.Data[1] = value
		p.check(checkpoint.Save(p.path("bad.safetensors"), f))
		for _, what := range c.whats {
			out := map[string]string{"onnx": "b.onnx", "pytorch": "b", "safetensors": "b.safetensors"}[what]
			p.refused(exitFailed, c.words, append([]string{"export", what, "bad.safetensors", "--out", out}, c.flags...)...)
		}
		p.check(os.Remove(p.path("bad.safetensors")))
	}
	if left := p.holds(); !slices.Equal(left, before) {
		t.Errorf("left: %v, before there were %v", left, before)
	}
}

var exports = []string{"onnx", "pytorch", "safetensors"}
