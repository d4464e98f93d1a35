//go:build long && dnnl

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source/mini"
)

// TestImageNetInMiniature goes the whole way of ImageNet, with miniatures of its archives: prepare, verify, 20 steps of
// alexnet.toml on oneDNN. One is of drawn images with the real set's quirks; the other, where DUET_SAMPLES names a
// folder of files <wnid>_<name>.JPEG, is of those.
func TestImageNetInMiniature(t *testing.T) {
	for name, o := range map[string]mini.Options{
		"drawn":   {Classes: 10, Train: 12, Val: 30, Quirks: true, Damaged: true},
		"samples": samples(t),
	} {
		if name == "samples" && o.Images == nil {
			continue // there is no folder of photographs: the drawn ones stand for them
		}
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.check(os.Mkdir(p.path("archives"), 0o777))
			m, err := mini.ILSVRC(p.path("archives"), o)
			p.check(err)
			r := p.works("prepare", "archives", "set")
			t.Log(r.stdout)
			if strings.Contains(r.stdout, "rejected ") != (len(m.Damaged) > 0) {
				t.Errorf("prepare prints %q; damaged are %v", r.stdout, m.Damaged)
			}
			p.works("data", "verify", "set")
			config, err := filepath.Abs("../../configs/alexnet.toml")
			p.check(err)
			tagged := p.path("duet-dnnl")
			if out, err := exec.Command("go", "build", "-buildvcs=false", "-tags", "dnnl", "-o", tagged,
				".").CombinedOutput(); err != nil {
				t.Fatalf("go build: %v\n%s", err, out)
			}
			cmd := p.command(slices.Concat([]string{"train", config, "--run", "alexnet"},
				sets("data.path=set", `devices.towers=["dnnl:0"]`, "train.batch=16", "train.epochs=0", "train.max_steps=20",
					"train.validate_epochs=0", "train.validate_steps=20"))...)
			cmd.Path = tagged
			if r := p.run(cmd); r.code != 0 {
				t.Fatalf("training: exit %d: %s", r.code, r.stderr)
			}
			lines := p.metrics("alexnet")
			if last := lines[len(lines)-1]; last["step"] != 20. || last["val_loss"] == nil {
				t.Errorf("the last line of the metrics is %v", last)
			}
		})
	}
}

// samples are the photographs in DUET_SAMPLES, if it is set: <wnid>_<name>.JPEG; every fourth of them for validation
// too.
func samples(t *testing.T) (o mini.Options) {
	folder := os.Getenv("DUET_SAMPLES")
	if folder == "" {
		return o
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.JPEG"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d photographs, %v", folder, len(files), err)
	}
	classes, err := os.ReadFile("../../dataloader/layout/ilsvrc2012.txt") // a class a line
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		wnid, _, _ := strings.Cut(filepath.Base(path), "_")
		before, _, is := strings.Cut(string(classes), wnid)
		if !is {
			t.Fatalf("%s: its class is none of ILSVRC2012's", path)
		}
		image := mini.Image{Name: wnid + "_1.JPEG", WNID: wnid, ID: 1 + strings.Count(before, "\n"), Data: data}
		if o.Images = append(o.Images, image); i%4 == 0 {
			o.ValImages = append(o.ValImages, image)
		}
	}
	return o
}
