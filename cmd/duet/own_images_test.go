package main

import (
	"strings"
	"testing"

	"duet/configs"
)

// TestOwnImages: two commands lead from a folder of images to predictions.
func TestOwnImages(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works(append([]string{"train", "smoke", "--data", "photos", "--devices", "reference:0"},
		tiny(sets("train.batch=8", "train.max_steps=2", "train.validate_steps=2", "data.size=24")...)...)...)
	if r := p.works("predict", "runs/smoke-001", "photos/down/1.jpg"); !strings.Contains(r.stdout, "across") ||
		!strings.Contains(r.stdout, "down") {
		t.Errorf("predict says %q", r.stdout)
	}
	if config := string(p.read("runs", "smoke-001", "config.toml")); !strings.Contains(config, `path = "photos"`) ||
		!strings.Contains(config, `towers = ["reference:0"]`) {
		t.Errorf("the run's configuration is\n%s", config)
	}
	p.refused(exitFailed, []string{"photos", "data.crop = 300", "--set data.size=300"}, "train", "smoke", "--data",
		"photos", "--set", "data.crop=300")
	p.refused(exitUsage, []string{"BACKEND:NUMBER"}, "train", "smoke", "--devices", "gpu")
	p.works("prepare", "photos", "by-hand", "--size", "24") // as train packs them, which takes it
	p.works(trainArgs("taken", sets("data.path=photos", "data.packed=by-hand", "data.size=24", "train.batch=8")...)...)
}

// TestDevicesElsewhere: where the configuration wants devices that are not there, the error holds the command that
// goes on.
func TestDevicesElsewhere(t *testing.T) {
	p := newPlace(t)
	p.refused(exitUsage, []string{`"cuda:0"`, ": " + program + " train alexnet --data 'my photos' --devices auto\n"},
		"train", "alexnet", "--data", "my photos")
	p.refused(exitUsage, []string{": " + program + " plan smoke --batch 4 --devices auto\n"}, "plan", "smoke",
		"--devices=cuda:1", "--batch", "4")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"duet", "bench", "a.toml", "--devices", "cuda:0", "--json"}, "duet bench a.toml --json --devices auto"},
		{[]string{"duet", "train", "--set", `data.classes=["it's"]`, ""},
			`duet train --set 'data.classes=["it'\''s"]' '' --devices auto`},
	} {
		if got := withAuto(c.args); got != c.want {
			t.Errorf("%q: %s, want %s", c.args, got, c.want)
		}
	}
}

// TestClassesOf: without its data the network of the paper tells 1000 classes apart, and none of the others 1000.
func TestClassesOf(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24")
	for name, c := range map[string]struct {
		preset string
		sets   []string
		want   int
	}{
		"the paper's":         {"alexnet", nil, 1000},
		"another network's":   {"cifar10", nil, 10},
		"those of a set":      {"alexnet", []string{"data.path=" + p.path("set")}, 2},
		"those that it names": {"alexnet", []string{"network.layers.fc8.features=7"}, 7},
		"drawn ones":          {"smoke", nil, 4},
	} {
		config, err := configs.Load(c.preset, c.sets)
		p.check(err)
		if got := classesOf(config); got != c.want {
			t.Errorf("%s: %d classes, want %d", name, got, c.want)
		}
	}
}
