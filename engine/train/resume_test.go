package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/engine/checkpoint"
	"duet/engine/train"
)

// byEpochs are three epochs, which are 12 steps of 16 images, with a rate that falls over all of them.
var byEpochs = []string{onOne, "train.max_steps=0", "train.epochs=3", "train.schedule.type=cosine",
	"train.schedule.at_epochs=[]"}

// files are the contents of a run's files by their names.
func (r *runs) files(name string) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	r.check(filepath.WalkDir(r.path(name), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "log.txt" {
			return err
		}
		data, err := os.ReadFile(path)
		all[d.Name()] = string(data)
		return err
	}))
	return all
}

// sameFiles wants a run's files to be what they were.
func (r *runs) sameFiles(name string, before map[string]string) {
	r.t.Helper()
	after := r.files(name)
	for file := range before {
		if after[file] != before[file] {
			r.t.Errorf("%s: %s has changed", name, file)
		}
	}
	if len(after) != len(before) {
		r.t.Errorf("%s: %d files, were %d", name, len(after), len(before))
	}
}

// TestResumeWithAnotherBatch: epochs and the rate go on by the images that were seen; a second interruption changes
// nothing.
func TestResumeWithAnotherBatch(t *testing.T) {
	for _, batch := range []int{8, 32, 24} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			r := newRuns(t)
			if _, err := r.train(newCountdown(19), "run", byEpochs...); err == nil {
				t.Fatal("not interrupted")
			}
			f, _, _, err := r.store("run").Latest()
			r.check(err)
			at := int(f.Meta.Step)
			if at < 2 || at > 10 {
				t.Fatalf("interrupted after step %d, which is no middle", at)
			}
			r.check(os.CopyFS(r.path("again"), os.DirFS(r.path("run"))))
			other := append(byEpochs, fmt.Sprintf("train.batch=%d", batch))
			s, err := r.resume(context.Background(), "run", other...)
			r.check(err)
			left := (192 - 16*at + batch - 1) / batch
			images := 16*at + left*batch
			if s.Steps != uint64(at+left) || s.Epoch != float64(images)/64 {
				t.Errorf("%d steps, %v epochs; want %d and %v", s.Steps, s.Epoch, at+left, float64(images)/64)
			}
			steps, _ := r.metrics("run")
			for i, m := range steps {
				seen := 16 * (i + 1)
				before := seen - 16
				if i >= at {
					seen = 16*at + batch*(i+1-at)
					before = seen - batch
				}
				whole := 192
				if i >= at {
					whole = images
				}
				rate := steps[0].LearningRate * (1 + math.Cos(math.Pi*float64(before)/float64(whole))) / 2
				if m.Epoch != float64(seen)/64 || !(math.Abs(m.LearningRate-rate) <= 1e-9*steps[0].LearningRate) {
					t.Errorf("step %d: epoch %v, rate %v; want %v, %v", m.Step, m.Epoch, m.LearningRate, float64(seen)/64, rate)
				}
			}
			for times := 0; ; times++ {
				_, err = r.resume(newCountdown(7), "again", other...)
				if _, interrupted := interruptedAt(err); !interrupted || times > 60 {
					break
				}
			}
			r.check(err)
			r.same("run", "again", s.Steps)
			r.eachStepOnce("again", "run")
			if log, err := os.ReadFile(filepath.Join(r.path("run"), "log.txt")); err != nil ||
				!strings.Contains(string(log), fmt.Sprintf("changed key=train.batch was=16 is=%d\n", batch)) {
				t.Errorf("the log does not tell of the batch: %v\n%s", err, log)
			}
		})
	}
}

// TestResumeWithOtherKeys: what may change is told, and becomes the run's configuration with the first step under it.
func TestResumeWithOtherKeys(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "run", onOne, "train.max_steps=4")
	r.check(err)
	for i, c := range []struct{ set, told string }{
		{"train.momentum=0.5", "key=train.momentum was=0.9 is=0.5"},
		{"train.schedule.rate=0.001", "key=train.schedule.rate was=0.02 is=0.001"},
		{"train.views=10", "key=train.views was=1 is=10"},
		{"network.layers.conv1.rate=0.5", `key=network.layers.conv1.rate was="not given" is=0.5`},
		{"network.layers.drop4.drop_rate=0.25", "key=network.layers.drop4.drop_rate was=0.1 is=0.25"},
		{"network.name=other", "key=network.name was=smoke is=other"},
		{"data.mirror=true", "key=data.mirror was=false is=true"},
		{onTwo, `key=devices.towers was=[reference:0] is="[reference:0 reference:1]"`},
	} {
		t.Run(c.set, func(t *testing.T) {
			name := fmt.Sprint("run", i)
			r.check(os.CopyFS(r.path(name), os.DirFS(r.path("run"))))
			_, err := r.resume(context.Background(), name, onOne, "train.max_steps=5", c.set)
			r.check(err)
			log, err := os.ReadFile(filepath.Join(r.path(name), "log.txt"))
			r.check(err)
			for _, want := range []string{"changed " + c.told + "\n", "changed key=train.max_steps was=4 is=5\n"} {
				if !strings.Contains(string(log), want) {
					t.Errorf("the log does not say %q:\n%s", want, log)
				}
			}
			if n := strings.Count(string(log), "msg=changed"); n != 2 {
				t.Errorf("%d keys have changed:\n%s", n, log)
			}
			if config := r.files(name)["config.toml"]; config != string(r.config(onOne, "train.max_steps=5", c.set).TOML()) {
				t.Errorf("config.toml is %s", config)
			}
		})
	}
}

// TestFixedKeys: what a run cannot change is refused with all such keys, and nothing is touched.
func TestFixedKeys(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "run", onOne, "train.max_steps=4")
	r.check(err)
	before := r.files("run")
	for _, c := range []struct {
		sets  []string
		words []string
	}{
		{[]string{"train.seed=7"}, []string{"train.seed (7, was "}},
		{[]string{"data.mean=none"}, []string{"data.mean (none, was channel)"}},
		{[]string{"data.scale=0.5"}, []string{"data.scale (0.5, was "}},
		{[]string{"data.shuffle=false"}, []string{"data.shuffle (false, was true)"}},
		{[]string{"network.layers.conv1.activation=none", "network.layers.norm1.k=3"},
			[]string{"network.layers.conv1.activation (\"\", was relu), network.layers.norm1.k (3, was "}},
		{[]string{"network.layers.conv1.bias=0.25"}, []string{"network.layers.conv1.bias (0.25, was 0)"}},
		{[]string{"network.layers.conv1.name=first"}, []string{"network.layers ("}},
		{[]string{"network.layers.drop4.inverted=true", "train.batch=8"},
			[]string{"network.layers.drop4.inverted (true, was false): want"}},
	} {
		t.Run(strings.Join(c.sets, " "), func(t *testing.T) {
			_, err := r.resume(context.Background(), "run", append([]string{onOne, "train.max_steps=6"}, c.sets...)...)
			if !errors.Is(err, train.ErrFixed) {
				t.Errorf("error %v, want ErrFixed", err)
			}
			wantError(t, err, append(c.words, "step-00000004", "new run")...)
			r.sameFiles("run", before)
		})
	}
}

// TestFinishedRunKeepsItsConfiguration: a configuration under which no step was done is not the run's.
func TestFinishedRunKeepsItsConfiguration(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "run", onOne)
	r.check(err)
	before := r.files("run")
	for _, sets := range [][]string{{"train.batch=32"}, {"train.momentum=0.5"}, {"train.max_steps=6"}, {"train.keep=9"}} {
		s, err := r.resume(context.Background(), "run", append([]string{onOne}, sets...)...)
		r.check(err)
		if s.Steps != 12 || s.Epoch != 3 {
			t.Errorf("%v: %d steps, %v epochs; want 12 and 3", sets, s.Steps, s.Epoch)
		}
		r.sameFiles("run", before)
	}
	log, err := os.ReadFile(filepath.Join(r.path("run"), "log.txt"))
	r.check(err)
	if n := strings.Count(string(log), "nothing is left to train"); n != 4 {
		t.Errorf("said %d times that nothing is left to train, want 4 times:\n%s", n, log)
	}
	// A validation that is due now is done, and saved under the configuration of the steps.
	_, err = r.train(context.Background(), "unchecked", onOne, "train.validate_steps=0")
	r.check(err)
	config := r.files("unchecked")["config.toml"]
	_, err = r.resume(context.Background(), "unchecked", onOne, "train.validate_steps=12", "train.momentum=0.5")
	r.check(err)
	f, _, _, err := r.store("unchecked").Latest()
	r.check(err)
	if f.Meta.Extra["validated"] != "12" || f.Meta.Config != config || r.files("unchecked")["config.toml"] != config {
		t.Errorf("validated %s, configuration\n%s", f.Meta.Extra["validated"], f.Meta.Config)
	}
}

// TestOnlyTheBestIsLeft: a run whose last checkpoints are gone, or damaged, goes on from its best one, to the same end.
func TestOnlyTheBestIsLeft(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "whole", onOne, "train.keep=9")
	r.check(err)
	for name, spoil := range map[string]func(path string) error{"removed": os.Remove,
		"damaged": func(path string) error { return os.Truncate(path, 100) }} {
		r.check(os.CopyFS(r.path(name), os.DirFS(r.path("whole"))))
		steps, err := r.store(name).Steps()
		r.check(err)
		best, err := os.ReadFile(r.store(name).BestPath()) // perhaps the same file as a step's
		r.check(err)
		for _, step := range steps {
			r.check(spoil(r.store(name).StepPath(step)))
		}
		r.check(os.Remove(r.store(name).BestPath()))
		r.check(os.WriteFile(r.store(name).BestPath(), best, 0o644))
		s, err := r.resume(context.Background(), name, onOne, "train.keep=9")
		r.check(err)
		if s.Steps != 12 {
			t.Errorf("%s: %d steps", name, s.Steps)
		}
		r.same("whole", name, 12)
		r.eachStepOnce(name, "whole")
	}
}

// TestNoCheckpointIsLeft: a run that had a checkpoint is never begun again; one that was stopped before its first one
// is.
func TestNoCheckpointIsLeft(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "whole", onOne)
	r.check(err)
	lines := strings.SplitAfter(r.files("whole")["metrics.jsonl"], "\n")
	for _, c := range []struct {
		sets   []string
		lines  int // of metrics.jsonl: one a step, and one for each validation
		begins bool
	}{
		{nil, len(lines), false},
		{nil, 5, false}, // steps 1 to 3, a validation, whose result is the best, and step 4
		{nil, 4, true},  // killed before that was saved
		{[]string{"train.checkpoint_steps=2"}, 3, false}, // step 3
		{[]string{"train.checkpoint_steps=2"}, 2, true},
		{[]string{"train.checkpoint_start=true"}, 1, false},
		{nil, 1, true},
		{nil, 0, true},
	} {
		name := fmt.Sprint("run ", c)
		f, err := train.CreateFolder(r.path(name), r.config(append(c.sets, onOne)...).TOML())
		r.check(err)
		r.check(f.Close())
		r.check(os.WriteFile(f.Metrics(), []byte(strings.Join(lines[:min(c.lines, len(lines))], "")), 0o644))
		before := r.files(name)
		_, err = r.resume(context.Background(), name, append(c.sets, onOne)...)
		if !c.begins {
			wantError(t, err, f.Checkpoints(), "no checkpoint is left", "another name")
			r.sameFiles(name, before)
			continue
		}
		r.check(err)
		r.eachStepOnce(name, "whole")
		if len(c.sets) == 0 {
			r.same("whole", name, 12)
		}
	}
}

// TestInterruptedAgainAndAgain never gets further than a step or two at a time.
func TestInterruptedAgainAndAgain(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "whole", onOne)
	r.check(err)
	_, err = r.train(newCountdown(1), "often", onOne)
	for times := 0; err != nil; times++ {
		if _, ok := interruptedAt(err); !ok || times > 30 {
			t.Fatalf("time %d: %v", times, err)
		}
		_, err = r.resume(newCountdown(7), "often", onOne)
	}
	r.same("whole", "often", 12)
	r.eachStepOnce("often", "whole")
}

// TestResumeOfFinished does nothing, and changes nothing.
func TestResumeOfFinished(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "run", onOne)
	r.check(err)
	before, err := os.ReadFile(r.store("run").StepPath(12))
	r.check(err)
	s, err := r.resume(context.Background(), "run", onOne)
	r.check(err)
	after, err := os.ReadFile(r.store("run").StepPath(12))
	r.check(err)
	if s.Steps != 12 || string(before) != string(after) {
		t.Errorf("ended after step %d, checkpoint the same: %v", s.Steps, string(before) == string(after))
	}
	r.eachStepOnce("run", "run")
}

// TestResumeElsewhere: another placement takes the same checkpoint.
func TestResumeElsewhere(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "whole", onOne)
	r.check(err)
	if _, err := r.train(newCountdown(15), "moved", onOne); err == nil {
		t.Fatal("not interrupted")
	}
	s, err := r.resume(context.Background(), "moved", onTwo)
	r.check(err)
	want, _ := r.metrics("whole")
	got, _ := r.metrics("moved")
	for i := range want {
		if d := math.Abs(got[i].Loss - want[i].Loss); s.Steps != 12 || !(d <= placementTol*want[i].Loss) {
			t.Errorf("step %d: loss %v, want %v", i+1, got[i].Loss, want[i].Loss)
		}
	}
}

// TestRefusedResume: what cannot be resumed is left as it was.
func TestRefusedResume(t *testing.T) {
	r := newRuns(t)
	sets := []string{onOne, "train.max_steps=4"}
	_, err := r.train(context.Background(), "run", sets...)
	r.check(err)
	path := r.store("run").StepPath(4)
	whole, err := os.ReadFile(path)
	r.check(err)
	config, err := os.ReadFile(filepath.Join(r.path("run"), "config.toml"))
	r.check(err)
	cases := []struct {
		name  string
		sets  []string
		is    error
		words []string
	}{
		{"other data", []string{"data.generated.train=80", "data.packed=" + r.path("other")}, nil, []string{
			"learned from other data", "of " + r.path("other"), "if another CONFIG or --set names it",
			"if the set there was replaced"}},
		{"a layer of another size", []string{"network.layers.fc4.features=64"}, checkpoint.ErrNetwork,
			[]string{"fc4.weight"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.resume(context.Background(), "run", append(sets, c.sets...)...)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v, want %v", err, c.is)
			}
			wantError(t, err, append(c.words, path)...)
			now, err := os.ReadFile(filepath.Join(r.path("run"), "config.toml"))
			r.check(err)
			if string(now) != string(config) {
				t.Error("the run's config.toml has changed")
			}
			now, err = os.ReadFile(path)
			r.check(err)
			if string(now) != string(whole) {
				t.Error("the checkpoint has changed")
			}
		})
	}
	_, err = r.resume(context.Background(), "run", sets...)
	r.check(err)
}

// TestDamagedCheckpoint: a run goes on from the newest checkpoint that is whole, and says so; to the same end.
func TestDamagedCheckpoint(t *testing.T) {
	r := newRuns(t)
	_, err := r.train(context.Background(), "whole", onOne)
	r.check(err)
	_, err = r.train(context.Background(), "run", onOne)
	r.check(err)
	path := r.store("run").StepPath(12)
	data, err := os.ReadFile(path)
	r.check(err)
	data[len(data)/2] ^= 1
	r.check(os.WriteFile(path, data, 0o644))
	_, err = r.resume(context.Background(), "run", onOne)
	r.check(err)
	r.same("whole", "run", 12)
	r.eachStepOnce("run", "whole")
}
