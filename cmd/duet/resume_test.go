package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"duet/configs"
)

// TestResumeTellsWhatChanges: key by key, or that it cannot change.
func TestResumeTellsWhatChanges(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run", sets("train.max_steps=6")...)...)
	if r := p.works("train", "--run", "run", "--resume"); strings.Contains(r.stderr, "changed") ||
		!strings.Contains(r.stdout, "6 (1.50 epochs)") {
		t.Errorf("with nothing changed it says %q, %q", r.stderr, r.stdout)
	}
	config := p.read("runs", "run", "config.toml")
	r := p.works("train", "--run", "run", "--resume", "--set", "train.batch=8")
	for _, want := range []string{"changed key=train.batch was=16 is=8\n", "nothing is left to train"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("with another batch it says %q, want %q", r.stderr, want)
		}
	}
	if !strings.Contains(r.stdout, "6 (1.50 epochs)") || string(p.read("runs", "run", "config.toml")) != string(config) {
		t.Errorf("nothing was trained, but it says %q and config.toml is\n%s", r.stdout, p.read("runs", "run", "config.toml"))
	}
	p.refused(exitUsage, []string{"train.seed (9, was 1)", "cannot change"}, "train", "--run", "run", "--resume", "--set",
		"train.seed=9")
	r = p.works("train", "--run", "run", "--resume", "--set", "train.batch=8", "--set", "train.max_steps=10")
	if !strings.Contains(r.stdout, "10 (2.00 epochs)") {
		t.Errorf("after 6 steps of 16 and 4 of 8 images of 64 it says %q", r.stdout)
	}
	c, err := configs.Parse("config.toml", p.read("runs", "run", "config.toml"), nil)
	p.check(err)
	if c.Train.Batch != 8 || c.Train.MaxSteps != 10 {
		t.Errorf("config.toml has batch %d, %d steps", c.Train.Batch, c.Train.MaxSteps)
	}
	last := 0.
	for _, l := range p.metrics("run") {
		if epoch := l["epoch"].(float64); epoch < last {
			t.Errorf("epoch %v after %v", epoch, last)
		} else {
			last = epoch
		}
	}
}

// TestOneWayOn: whatever a run's folder holds, a run of its name can be begun or gone on with.
func TestOneWayOn(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("whole")...)
	for _, c := range []struct {
		name   string
		remove []string // of a whole run
		resume bool
		words  []string // of what the other way says
	}{
		{"nothing", []string{"config.toml", "metrics.jsonl", "mistakes.json", "log.txt", "checkpoints", ".lock"}, false,
			[]string{"holds nothing", "leave --resume out"}},
		{"the lock", []string{"config.toml", "metrics.jsonl", "mistakes.json", "log.txt", "checkpoints"}, false,
			[]string{"holds nothing", "leave --resume out"}},
		{"the configuration", []string{"metrics.jsonl", "mistakes.json", "log.txt", "checkpoints"}, true,
			[]string{"exists", "--resume"}},
		{"all but the lock", []string{".lock"}, true, []string{"exists", "--resume"}},
		{"no configuration", []string{"config.toml"}, true, []string{"exists", "--resume"}},
		{"no records", []string{"metrics.jsonl", "mistakes.json", "log.txt"}, true, []string{"exists", "--resume"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, run := &place{t, p.dir}, strings.ReplaceAll(c.name, " ", "-")
			q.check(os.CopyFS(q.path("runs", run), os.DirFS(q.path("runs", "whole"))))
			for _, name := range c.remove {
				q.check(os.RemoveAll(q.path("runs", run, name)))
			}
			begin, resume := trainArgs(run), trainArgs(run, "--resume")
			if c.resume {
				q.refused(exitUsage, c.words, begin...)
				q.works(resume...)
			} else {
				q.refused(exitUsage, c.words, resume...)
				q.works(begin...)
			}
			q.same(q.last("whole"), q.last(run))
		})
	}
	p.check(os.CopyFS(p.path("runs", "bare"), os.DirFS(p.path("runs", "whole"))))
	p.check(os.Remove(p.path("runs", "bare", "config.toml")))
	p.refused(exitUsage, []string{"bare has no config.toml", "CONFIG"}, "train", "--run", "bare", "--resume")
	p.check(os.RemoveAll(p.path("runs", "bare", "checkpoints")))
	p.refused(exitFailed, []string{"no checkpoint is left", "metrics.jsonl tells of step 12"},
		trainArgs("bare", "--resume")...)
}

// TestStartedTogether: trainings that begin at the same time, without names, on data that is not there yet.
func TestStartedTogether(t *testing.T) {
	p := newPlace(t)
	const together = 4
	results := make([]result, together)
	var group sync.WaitGroup
	for i := range together {
		rate := fmt.Sprintf("train.schedule.rate=%v", 0.01*float64(i+1))
		group.Go(func() { results[i] = p.duet(append([]string{"train", "smoke", "--set", rate}, tiny()...)...) })
	}
	group.Wait()
	for _, r := range results {
		if r.code != 0 {
			t.Errorf("exit %d: %s", r.code, r.stderr)
		}
	}
	for i := range together {
		p.checkMetrics(fmt.Sprintf("smoke-%03d", i+1), 12, []float64{4, 8, 12})
	}
	if all, _ := filepath.Glob(p.path("data", "*")); len(all) != 1 {
		t.Errorf("packed %v", all)
	}
}

// TestRunNames: a name never leads out of the folder of runs, and a network without one has runs too.
func TestRunNames(t *testing.T) {
	p := newPlace(t)
	smoke, _ := configs.Preset("smoke")
	for i, name := range []string{"../x", "a/b", `a\\b`, "..", `\u001b[31m`} {
		p.write([]byte(strings.Replace(string(smoke), `name = "smoke"`, `name = "`+name+`"`, 1)), "named.toml")
		p.refused(exitUsage, []string{"named.toml:", "network.name", "runs are named after it"},
			append([]string{"train", "named.toml"}, tiny()...)...)
		if i == 0 {
			p.refused(exitUsage, []string{"network.name"}, "train", "named.toml", "--resume")
		}
	}
	for _, run := range []string{"..", "../x", "/tmp/x", ".", "a/../.."} {
		p.refused(exitUsage, []string{"--run", "below that of --runs"}, trainArgs(run)...)
		p.refused(exitUsage, []string{"--run", "below that of --runs"}, trainArgs(run, "--resume")...)
	}
	if left := p.holds(); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	p.write([]byte(strings.Replace(string(smoke), `name = "smoke"`, "", 1)), "named.toml")
	p.works(append([]string{"train", "named.toml"}, tiny()...)...)
	if r := p.works(append([]string{"train", "named.toml", "--resume"}, tiny()...)...); !strings.Contains(r.stdout,
		filepath.Join("runs", "run-001")) {
		t.Errorf("the run of a network without a name: %s", r.stdout)
	}
}

// TestNeverTrained: what would not come to the same weights, or fail after the data is prepared, is refused before.
func TestNeverTrained(t *testing.T) {
	p := newPlace(t)
	for set, words := range map[string][]string{
		"devices.precision=fp64":                    {"devices.precision", "fp64", "float32"},
		"network.layers.drop4.drop_rate=0.99999999": {"network.layers.drop4.drop_rate", "0.99999999", "below 1"},
		"train.momentum=0.99999999":                 {"train.momentum", "below 1"},
		"devices.threads=100000":                    {"devices.threads", "100000", "1024"},
		"devices.threads=2000000000":                {"devices.threads", "1024"},
		"network.layers.conv1.name=momentum.a":      {"network.layers.conv1.name", "momentum."},
		"train.batch=8.0":                           {"train.batch", "8.0, want an integer"},
	} {
		p.refused(exitUsage, words, trainArgs("run", sets(set)...)...)
	}
	if left := p.holds(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, args := range [][]string{{"plan", "smoke"}, {"bench", "smoke", "--steps", "1", "--devices", "reference:0"},
		{"gradcheck", "smoke", "--samples", "1"}} {
		if r := p.works(append(args, sets("train.schedule.type=fixed")...)...); !strings.Contains(r.stderr,
			"note: --set train.schedule.type=fixed leaves out") {
			t.Errorf("%v says %q", args, r.stderr)
		}
	}
	r := p.works("train", "smoke", "--run", "fixed", "--set", "train.schedule.type=fixed", "--set", "train.max_steps=1",
		"--set", "train.validate_epochs=0")
	if !strings.Contains(r.stderr, "note: --set train.schedule.type=fixed leaves out what smoke says for another: ") {
		t.Errorf("another schedule's keys are left out, but it says %q", r.stderr)
	}
}
