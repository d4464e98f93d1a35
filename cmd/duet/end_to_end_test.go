package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/configs"
	"duet/engine/checkpoint"
)

// TestGenerated trains on images that the program draws, and looks at everything that comes of it.
func TestGenerated(t *testing.T) {
	p := newPlace(t)
	r := p.works(trainArgs("first")...)
	for _, want := range []string{filepath.Join("runs", "first"), "12 (3.00 epochs)", "best error", "last error"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("train said %q, want %q in it", r.stdout, want)
		}
	}
	for _, name := range []string{"config.toml", "metrics.jsonl", "log.txt", "checkpoints/best.safetensors"} {
		if len(p.read("runs", "first", name)) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	c, err := configs.Parse("config.toml", p.read("runs", "first", "config.toml"), nil)
	p.check(err)
	f, err := checkpoint.Load(p.last("first"))
	p.check(err)
	if c.Train.MaxSteps != 12 || string(c.TOML()) != f.Meta.Config {
		t.Error("config.toml, the checkpoint's configuration and --set do not agree")
	}
	p.checkMetrics("first", 12, []float64{4, 8, 12})

	type result struct {
		Images           int
		Top1_error, Loss float64
		Top5_error       *float64
	}
	var one, ten, two result
	p.object(p.works("eval", p.last("first"), "--json"), &one)
	p.object(p.works("eval", p.last("first"), "--json", "--views", "10", "--batch", "5"), &ten)
	p.object(p.works("eval", p.last("first"), "--json", "--devices", "reference:0,reference:1"), &two)
	if one.Images != 24 || one.Top5_error == nil || *one.Top5_error != 0 || !(one.Loss > 0) || one.Loss == ten.Loss ||
		ten.Images != 24 {
		t.Errorf("eval: %+v, ten views %+v", one, ten)
	}
	if two.Top1_error != one.Top1_error || !(math.Abs(two.Loss-one.Loss) <= 1e-5) {
		t.Errorf("eval on two devices: %+v, on one %+v", two, one)
	}
	last := p.metrics("first")
	if v := last[len(last)-1]; v["val_top1_error"] != one.Top1_error ||
		!(math.Abs(v["val_loss"].(float64)-one.Loss) <= 1e-5) {
		t.Errorf("eval says %+v, the run's last validation %v", one, v)
	}
	if r := p.works("eval", p.last("first")); !strings.Contains(r.stdout, "images       24") ||
		!strings.Contains(r.stdout, "top-1 error") {
		t.Errorf("eval said %q", r.stdout)
	}

	// Resuming a run that is done, and naming runs.
	if r := p.works("train", "--run", "first", "--resume"); strings.Contains(r.stderr, "NaN") ||
		!strings.Contains(r.stderr, "done step=12") {
		t.Errorf("resuming a run that is done says %q", r.stderr)
	}
	p.works(slices.Concat([]string{"train", "smoke"}, tiny())...)
	p.works(slices.Concat([]string{"train", "smoke"}, tiny())...)
	p.same(p.last("smoke-001"), p.last("smoke-002"))
	if r := p.works(append([]string{"train", "smoke", "--resume"}, tiny()...)...); !strings.Contains(r.stdout,
		"smoke-002") {
		t.Errorf("the last run is %q", r.stdout)
	}
}

// TestPhotos is training on one's own folder of images.
func TestPhotos(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	r := p.works("prepare", "photos", "packed", "--size", "24", "--val-fraction", "0.2")
	if !strings.Contains(r.stdout, "16 training and 4 validation images of 24 x 24 in 2 classes") {
		t.Errorf("prepare said %q", r.stdout)
	}
	p.works(trainArgs("run", sets("data.path=packed", "train.batch=8", "train.max_steps=40", "train.validate_steps=20",
		"data.random_crop=false")...)...)
	best := p.path("runs", "run", "checkpoints", "best.safetensors")

	type prediction struct {
		Image   string
		Guesses []struct {
			Class       string
			Label       int
			Probability float64
		}
	}
	var all []prediction
	p.object(p.works("predict", best, "photos/across/0.png", "photos/down/1.jpg", "--json"), &all)
	if len(all) != 2 || all[0].Image != "photos/across/0.png" || len(all[0].Guesses) != 2 {
		t.Fatalf("predict: %+v", all)
	}
	for _, one := range all {
		a, b := one.Guesses[0], one.Guesses[1]
		if a.Probability < b.Probability || !(math.Abs(a.Probability+b.Probability-1) <= 1e-5) || a.Class == b.Class {
			t.Errorf("%+v", one)
		}
		if a.Class != filepath.Base(filepath.Dir(one.Image)) {
			t.Errorf("%s is taken for %s", one.Image, a.Class)
		}
	}
	r = p.works("predict", best, "photos/across/0.png", "--views", "10")
	if !strings.Contains(r.stdout, "across") || !strings.Contains(r.stdout, "█") || !strings.Contains(r.stdout, "%") {
		t.Errorf("predict said %q", r.stdout)
	}

	// The set of the run under another name, the source itself, and sets that do not fit.
	p.works("prepare", "photos", "again", "--size", "24", "--val-fraction", "0.2")
	p.works("eval", best, "--data", "again")
	p.works("prepare", "generated", "drawn", "--size", "24")
	p.refused(exitFailed, []string{"drawn", "classes"}, "eval", best, "--data", "drawn")
	p.works("prepare", "photos", "larger", "--size", "40", "--val-fraction", "0.2")
	p.refused(exitFailed, []string{"larger", "40", "24"}, "eval", best, "--data", "larger")
	p.refused(exitFailed, []string{"nowhere"}, "eval", best, "--data", "nowhere")
}

func TestBench(t *testing.T) {
	p := newPlace(t)
	var b map[string]any
	p.object(p.works("bench", "smoke", "--steps", "3", "--batch", "4", "--devices", "reference:0,reference:1", "--json"),
		&b)
	p.fields(b, "images_per_second", "step_ms_median", "batch", "precision", "devices", "parameters")
	if fmt.Sprint(b["batch"], " ", b["precision"], " ", b["devices"]) != "4 fp32 [reference:0 reference:1]" {
		t.Errorf("%v %v %v", b["batch"], b["precision"], b["devices"])
	}
	if rate, ms := b["images_per_second"].(float64), b["step_ms_median"].(float64); !(math.Abs(rate*ms/1000-4) <= 1e-6) {
		t.Errorf("%v images/s and %v ms a step are not 4 images", rate, ms)
	}
	r := p.works("bench", "smoke", "--steps", "1", "--devices", "reference:0", "--kernels")
	for _, want := range []string{"images/s", "conv3", "backward ms", "go:lrn"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("bench said %q, want %q in it", r.stdout, want)
		}
	}
}

func TestPlan(t *testing.T) {
	p := newPlace(t)
	var plan struct {
		Parameters int
		Steps      []any
		Devices    []struct {
			Name  string
			Bytes int64
		}
		Exchanges []map[string]any
		Layers    []struct {
			Layer      string
			Output     []int
			Parameters int
		}
	}
	p.object(p.works("plan", "smoke", "--json"), &plan)
	// conv1 5x5x3 to 8, conv2 3x3x4 to 16, conv3 3x3x16 to 16, fc4 16 maps of 4x4 to 32, fc5 to 4 classes
	if want := 76*8 + 37*16 + 145*16 + 257*32 + 33*4; plan.Parameters != want {
		t.Errorf("%d parameters, want %d", plan.Parameters, want)
	}
	if len(plan.Steps) < 50 || len(plan.Devices) != 2 || plan.Devices[1].Name != "reference:1" ||
		plan.Devices[1].Bytes <= 0 {
		t.Errorf("%d steps on %v", len(plan.Steps), plan.Devices)
	}
	if l := plan.Layers; len(l) != 9 || l[1].Layer != "conv1" || fmt.Sprint(l[1].Output) != "[8 10 10]" ||
		l[1].Parameters != 76*8 {
		t.Errorf("layers %v", l)
	}
	// batch 16
	crossing := map[string]float64{"conv3": 2 * 16 * 8 * 4 * 4 * 4, "fc4": 2 * 16 * 8 * 4 * 4 * 4, "fc5": 16 * 16 * 4}
	for _, e := range plan.Exchanges {
		layer := e["layer"].(string)
		if want := crossing[layer]; want == 0 || e["forward_bytes"] != want || e["backward_bytes"] != want {
			t.Errorf("%v, want %v bytes each way", e, want)
		}
		delete(crossing, layer)
	}
	if len(crossing) > 0 {
		t.Errorf("no exchange at %v", crossing)
	}
	if r := p.works("plan", "smoke"); !strings.HasPrefix(r.stdout, "layer  output     parameters") ||
		!strings.Contains(r.stdout, "\nplan train: 11876 parameters") {
		t.Errorf("plan prints %.300q", r.stdout)
	}
	if r := p.works("plan", "smoke", "--dot"); !strings.HasPrefix(r.stdout, "digraph") ||
		!strings.HasSuffix(r.stdout, "}\n") {
		t.Errorf("--dot: %.100q", r.stdout)
	}
	if r := p.works("plan", "smoke", "--test", "--devices", "reference:0"); strings.Contains(r.stdout, "sgd") ||
		!strings.Contains(r.stdout, "softmax") {
		t.Errorf("--test: %q", r.stdout)
	}
	if left := p.holds(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSmallCommands(t *testing.T) {
	p := newPlace(t)
	var devices []map[string]any
	p.object(p.works("devices", "--json"), &devices)
	if len(devices) == 0 {
		t.Fatal("no devices")
	}
	for _, d := range devices {
		p.fields(d, "name", "description", "total_bytes", "units", "precisions")
	}
	for _, c := range []struct {
		args string
		says []string
	}{
		{"devices", []string{"reference:0", "fp32 fp64", "device"}},
		{"version", []string{"duet ", "go1.", "build tags: none", "reference: "}},
		{"gradcheck smoke --samples 1", []string{"conv1.weight", "fc5.bias"}},
		{"", []string{"Usage:", "train", "predict"}},
		{"--help", []string{"Usage:", "gradcheck"}},
		{"train --help", []string{"Examples:", "--resume", "--set"}},
		{"eval --help", []string{"Examples:", "--views", "--json"}},
		{"predict --help", []string{"Examples:", "--json"}},
		{"prepare --help", []string{"Examples:", "--val-fraction"}},
		{"bench --help", []string{"Examples:", "--precision", "--json"}},
		{"plan --help", []string{"Examples:", "--dot", "--json", "velocities", "arena without reuse"}},
		{"devices --help", []string{"Examples:", "--json"}},
		{"gradcheck --help", []string{"Examples:", "--samples"}},
	} {
		r := p.works(strings.Fields(c.args)...)
		for _, want := range c.says {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("duet %s said %q, want %q in it", c.args, r.stdout, want)
			}
		}
	}
}
