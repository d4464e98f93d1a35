package duet_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"duet"
	"duet/engine/backend"
	"duet/internal/invalid"
)

// tiny is the smoke preset on one device, with its set in a folder.
func tiny(t *testing.T, dir string, more ...string) *duet.Config {
	t.Helper()
	c, err := duet.Load("smoke", append([]string{`devices.towers=["reference:0"]`, "data.packed=" + filepath.Join(dir,
		"set"),
		"data.generated.train=64", "data.generated.val=24", "train.max_steps=4", "train.validate_epochs=0",
		"train.validate_steps=2"}, more...)...)
	check(t, err)
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// trained is the folder of a run.
func trained(t *testing.T) (dir string, s duet.Summary) {
	t.Helper()
	dir = t.TempDir()
	s, err := duet.Train(context.Background(), tiny(t, dir), duet.TrainOptions{Runs: dir})
	check(t, err)
	return dir, s
}

// TestTrain: names of runs, what a program is told, and that its configuration stays as it is.
func TestTrain(t *testing.T) {
	dir := t.TempDir()
	c := tiny(t, dir, `devices.towers=["auto"]`)
	before := string(c.TOML())
	var steps, validations []uint64
	var notes []string
	ended := 0
	o := duet.TrainOptions{Runs: dir,
		Step:       func(s duet.Step) error { steps = append(steps, s.Step); return nil },
		Validation: func(v duet.Validation) error { validations = append(validations, v.Step); return nil },
		Hooks: duet.Hooks{Note: func(line string) { notes = append(notes, line) }, Progress: func(p duet.Progress) {
			if p.Ended {
				ended++
			}
		}}}
	s, err := duet.Train(context.Background(), c, o)
	check(t, err)
	if s.Folder != filepath.Join(dir, "smoke-001") || !slices.Equal(steps, []uint64{1, 2, 3, 4}) ||
		!slices.Equal(validations, []uint64{2, 4}) {
		t.Errorf("%+v after steps %v, validations %v", s, steps, validations)
	}
	if string(c.TOML()) != before {
		t.Errorf("the configuration is changed:\n%s", c.TOML())
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "auto takes ") || ended != 2 {
		t.Errorf("told %q, and %d times that something ended", notes, ended)
	}
	if s, err = duet.Train(context.Background(), c, duet.TrainOptions{Runs: dir}); err != nil ||
		filepath.Base(s.Folder) != "smoke-002" {
		t.Errorf("the second run is %s, %v", s.Folder, err)
	}
	if s, err = duet.Train(context.Background(), c, duet.TrainOptions{Runs: dir, Resume: true}); err != nil ||
		filepath.Base(s.Folder) != "smoke-002" {
		t.Errorf("the last run is %s, %v", s.Folder, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.Run, o.Step = "ended", func(duet.Step) error { cancel(); return nil }
	s, err = duet.Train(ctx, c, o)
	if i, is := errors.AsType[*duet.Interrupted](err); !is || i.Step != 1 || s.Steps != 1 || !errors.Is(err,
		context.Canceled) {
		t.Errorf("a context that ended: %v after %d steps", err, s.Steps)
	}
}

// TestTrainRefuses what cannot come to a training, before anything is packed.
func TestTrainRefuses(t *testing.T) {
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "there"), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "there", "config.toml"), nil, 0o644))
	for _, c := range []struct {
		name string
		key  string
		o    duet.TrainOptions
		is   error
		says string
	}{
		{"a run that exists", "train.seed=1", duet.TrainOptions{Run: "there"}, duet.ErrExists, "there"},
		{"no run to resume", "train.seed=1", duet.TrainOptions{Resume: true}, duet.ErrNoRun, "smoke-001"},
		{"a run that is not there", "train.seed=1", duet.TrainOptions{Run: "none", Resume: true}, duet.ErrNoRun, "none"},
		{"a run elsewhere", "train.seed=1", duet.TrainOptions{Run: "../out"}, nil, "../out"},
		{"a device of another build", `devices.towers=["banana:0"]`, duet.TrainOptions{}, backend.ErrUnknownDevice,
			"banana:0"},
		{"fp64", "devices.precision=fp64", duet.TrainOptions{}, nil, "fp64, want fp32 or bf16"},
		{"other classes", "network.layers.fc5.features=7", duet.TrainOptions{}, nil, "classes"},
	} {
		config, err := duet.Load("smoke", `devices.towers=["reference:0"]`, "data.packed="+filepath.Join(dir, "set"), c.key)
		if err == nil {
			c.o.Runs = dir
			_, err = duet.Train(context.Background(), config, c.o)
		}
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "set")); err == nil {
			t.Fatalf("%s: the set is packed", c.name)
		}
	}
}

// gradient is an image that is not square.
func gradient() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, 60, 40))
	for i := range 60 * 40 {
		m.SetRGBA(i%60, i/60, color.RGBA{uint8(4 * (i % 60)), uint8(6 * (i / 60)), 90, 255})
	}
	return m
}

// TestPredict: the same of an image and of its encoded file, of one and of several at a time, from several goroutines.
func TestPredict(t *testing.T) {
	_, s := trained(t)
	c, err := duet.Open(s.Folder, duet.OpenOptions{Devices: []string{"reference:0"}})
	check(t, err)
	defer func() { check(t, c.Close()) }()
	if filepath.Base(c.Path) != "best.safetensors" || len(c.Classes()) != 4 || c.Classes()[0].ID == "" ||
		c.Config.Network.Title() != "smoke" {
		t.Errorf("%s, %v", c.Path, c.Classes())
	}
	var file bytes.Buffer
	check(t, png.Encode(&file, gradient()))
	decoded, err := c.Decode(&file)
	check(t, err)
	one, err := c.Predict(context.Background(), gradient())
	check(t, err)
	p := one[0]
	sum := 0.0
	for i, g := range p {
		if sum += g.Probability; i > 0 && g.Probability > p[i-1].Probability || g.Class != c.Classes()[g.Label] ||
			g.Title != g.ID {
			t.Errorf("guess %d is %+v", i, g)
		}
	}
	if len(p) != 4 || !(math.Abs(sum-1) <= 1e-5) {
		t.Errorf("%+v", p)
	}
	many := slices.Repeat([]image.Image{image.NewGray(image.Rect(0, 0, 30, 30)), decoded, gradient()},
		7) // more than a batch of 16
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			all, err := c.Predict(context.Background(), many...)
			if err != nil || len(all) != len(many) || !slices.Equal(all[1], p) || !slices.Equal(all[20], p) ||
				slices.Equal(all[0], p) {
				t.Errorf("of many: %v, %v", all, err)
			}
		})
	}
	group.Wait()
	if none, err := c.Predict(context.Background()); err != nil || len(none) != 0 {
		t.Errorf("of none: %v, %v", none, err)
	}
	if _, err := c.Predict(context.Background(), decoded, &image.RGBA{}); err == nil || !strings.Contains(err.Error(),
		"image 1: 0x0 pixels") {
		t.Errorf("of an empty image: %v", err)
	}
	if _, err := c.Decode(strings.NewReader("no picture")); err == nil {
		t.Error("a text is decoded")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Predict(ctx, decoded); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestEvaluate: on the run's own images and on others, with one view and with ten.
func TestEvaluate(t *testing.T) {
	dir, s := trained(t)
	var notes []string
	hooks := duet.Hooks{Note: func(line string) { notes = append(notes, line) }}
	c, err := duet.Open(s.Folder, duet.OpenOptions{Devices: []string{"reference:0"}, Hooks: hooks})
	check(t, err)
	defer func() { check(t, c.Close()) }()
	e, err := c.Evaluate(context.Background(), "", duet.EvaluateOptions{})
	check(t, err)
	if e.Images != 24 || e.Whole != 0 || e.Data != "generated" || e.Top1Error != s.BestError {
		t.Errorf("%+v, the run's best is %v", e, s.BestError)
	}
	if e, err = c.Evaluate(context.Background(), filepath.Join(dir, "set"),
		duet.EvaluateOptions{Split: "train"}); err != nil || e.Images != 64 {
		t.Errorf("training images: %+v, %v", e, err)
	}
	for _, class := range c.Classes()[:2] {
		check(t, os.MkdirAll(filepath.Join(dir, "photos", class.ID), 0o755))
		for _, name := range []string{"a.png", "b.png"} {
			var file bytes.Buffer
			check(t, png.Encode(&file, gradient()))
			check(t, os.WriteFile(filepath.Join(dir, "photos", class.ID, name), file.Bytes(), 0o644))
		}
	}
	t.Chdir(dir) // below which the photos are packed
	e, err = c.Evaluate(context.Background(), "photos", duet.EvaluateOptions{})
	check(t, err)
	if e.Images != 4 || e.Whole != 4 || len(notes) != 1 || !strings.Contains(notes[0],
		"photos has no image of 2 classes") {
		t.Errorf("%+v, told %q", e, notes)
	}
	if _, err = c.Evaluate(context.Background(), "photos", duet.EvaluateOptions{Split: "val"}); err == nil {
		t.Error("a split that is not there")
	}
	if _, err = c.Evaluate(context.Background(), "photos", duet.EvaluateOptions{Split: "both"}); err == nil {
		t.Error("a split that there cannot be")
	}
	ten, err := duet.Open(s.Folder, duet.OpenOptions{Devices: []string{"reference:0"}, Views: 10, Batch: 5})
	check(t, err)
	defer func() { check(t, ten.Close()) }()
	if other, err := ten.Evaluate(context.Background(), filepath.Join(dir, "set"), duet.EvaluateOptions{}); err != nil ||
		other.Images != 24 || other.Loss == e.Loss {
		t.Errorf("ten views: %+v, %v", other, err)
	}
}

// TestOpenRefuses options and paths that are impossible.
func TestOpenRefuses(t *testing.T) {
	dir, s := trained(t)
	for _, c := range []struct {
		path string
		o    duet.OpenOptions
		key  string
		says string
	}{
		{s.Folder, duet.OpenOptions{Views: 5}, "views", "want 1 or 10"},
		{s.Folder, duet.OpenOptions{Batch: -1}, "batch", "want at least 1"},
		{s.Folder, duet.OpenOptions{Devices: []string{"reference"}}, "towers[0]", "BACKEND:NUMBER"},
		{s.Folder, duet.OpenOptions{Precision: "fp8"}, "precision", "fp8"},
		{filepath.Join(dir, "set"), duet.OpenOptions{}, "", "folder without checkpoints"},
		{filepath.Join(dir, "none"), duet.OpenOptions{}, "", "none"},
	} {
		_, err := duet.Open(c.path, c.o)
		bad, is := errors.AsType[*invalid.Error](err)
		if err == nil || is != (c.key != "") || is && bad.Key != c.key || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestPresets: every built-in configuration can be loaded by its name.
func TestPresets(t *testing.T) {
	names := duet.Presets()
	if !slices.Contains(names, "alexnet") || !slices.Contains(names, "quick") {
		t.Errorf("%q", names)
	}
	for _, name := range names {
		if c, err := duet.Load(name); err != nil || c.Network.Title() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
