package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"duet/dataloader/source/mini"
)

// TestPredictInterrupted: a signal ends it within a batch; what was predicted until then is printed, as whole JSON too.
func TestPredictInterrupted(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run")...)
	p.write(pngOf(drawing("across", 1)), "image.png")
	const images = 20000
	for _, form := range []string{"text", "json"} {
		args := append([]string{"predict", "runs/run", "--views", "10", "--batch", "2"},
			slices.Repeat([]string{"image.png"}, images)...)
		if form == "json" {
			args = append(args, "--json")
		}
		r := p.start(args...)
		r.says("classifying")
		r.signal(syscall.SIGINT)
		got := r.end()
		n := strings.Count(got.stdout, "image.png")
		if got.code != 130 || n == 0 || n == images || n%2 != 0 || !strings.Contains(got.stderr, "duet: interrupted\n") {
			t.Errorf("%s: exit %d after %d images: %s", form, got.code, n, got.stderr)
		}
		var all []prediction
		if form == "json" {
			if err := json.Unmarshal([]byte(got.stdout), &all); err != nil || len(all) != n || len(all[n-1].Guesses) != 4 {
				t.Errorf("%d of %d in %v", len(all), n, err)
			}
		}
	}
}

// TestPredictFolders: a folder of images stands for all of them, and that of a run for its best checkpoint.
func TestPredictFolders(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run")...)
	image := pngOf(drawing("across", 1))
	for _, name := range []string{"b.png", "a.PNG", "sub/deep/c.jpg", ".hidden.png", "@eaDir/d.png", "sub/.git/e.png"} {
		p.write(image, append([]string{"photos"}, strings.Split(name, "/")...)...)
	}
	p.write([]byte("a text"), "photos", "notes.txt")
	p.check(os.Symlink("photos", p.path("link")))
	want := []string{"photos/a.PNG", "photos/b.png", "photos/sub/deep/c.jpg"}
	images := func(r result) (paths []string) {
		var all []prediction
		p.object(r, &all)
		for _, one := range all {
			paths = append(paths, one.Image)
		}
		return paths
	}
	for _, run := range []string{"runs/run", "runs/run/", "runs/run/checkpoints",
		"runs/run/checkpoints/best.safetensors"} {
		r := p.works("predict", run, "photos", "photos/b.png", "--json")
		if got := images(r); !slices.Equal(got, append(slices.Clone(want), "photos/b.png")) {
			t.Errorf("%s: predictions of %v", run, got)
		}
		if said := "checkpoint: runs/run/checkpoints/best.safetensors\n"; strings.Contains(r.stderr,
			said) != !strings.HasSuffix(run, "rs") {
			t.Errorf("%s: %s", run, r.stderr)
		}
	}
	if got := images(p.works("predict", "runs/run", "link", "--json")); len(got) != 3 || got[0] != "link/a.PNG" {
		t.Errorf("through a link: %v", got)
	}
	p.write([]byte("no HEIC is decoded"), "photos", "f.heic")
	p.refused(exitFailed, []string{"photos/f.heic"}, "predict", "runs/run", "photos", "--json")

	p.check(os.Mkdir(p.path("empty"), 0o777))
	p.refused(exitFailed, []string{"empty", "no images"}, "predict", "runs/run", "empty")
	p.refused(exitFailed, []string{"photos is a folder without checkpoints", "folder of a run"}, "predict", "photos",
		"photos")
	p.refused(exitFailed, []string{"empty is a folder without checkpoints"}, "eval", "empty")
	p.works("prepare", "generated", "set")
	p.refused(exitUsage, []string{"set is a packed set", "duet eval CHECKPOINT --data set"}, "predict", "runs/run", "set")

	best, run := p.works("eval", "runs/run/checkpoints/best.safetensors").stdout, p.works("eval", "runs/run")
	if run.stdout != best || strings.Contains(best, "top-5") {
		t.Errorf("eval of the run prints %s, of its checkpoint %s", run.stdout, best)
	}
	p.check(os.Remove(p.path("runs", "run", "checkpoints", "best.safetensors")))
	if r := p.works("eval", "runs/run"); !strings.Contains(r.stderr, "checkpoints/step-00000012.safetensors") {
		t.Errorf("without a best one: %s", r.stderr)
	}
}

// TestImagesIn: the images of a folder come in order, those too that are not decoded, and none that is hidden.
func TestImagesIn(t *testing.T) {
	f := mini.Files{"b/x.png": nil, "a.JPG": nil, "b/a.tif": nil, ".hidden/a.png": nil, "b/.a.png": nil, "notes.txt": nil,
		"__MACOSX/a.png": nil, "lost+found/a.png": nil, "b.png/c.webp": nil, "old.tar": nil}
	dir := f.Folder(t)
	got, err := imagesIn([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a.JPG", "b.png/c.webp", "b/a.tif", "b/x.png"} {
		if i >= len(got) || got[i] != filepath.Join(dir, filepath.FromSlash(want)) {
			t.Errorf("%q, want %s at %d", got, want, i)
		}
	}
	if len(got) != 4 {
		t.Errorf("%q, want 4", got)
	}
	empty := t.TempDir()
	if _, err = imagesIn([]string{empty}); err == nil || !strings.HasPrefix(err.Error(),
		empty+": no images in this folder: want files that end in .jpg, .jpeg, ") {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestNoNumbers: a network whose scores overflow has a loss and probabilities that JSON has no numbers for.
func TestNoNumbers(t *testing.T) {
	p := newPlace(t)
	p.write([]byte(`
[network]
name = "nan"
towers = 1
[[network.layers]]
name = "out"
type = "linear"
[data]
path = "generated"
crop = 8
[data.generated]
classes = 2
train = 8
val = 4
size = 8
[devices]
towers = ["reference:0"]
[train]
batch = 4
max_steps = 1
momentum = 0
weight_decay = 0
[train.schedule]
type = "fixed"
rate = 1e34
`), "nan.toml")
	p.duet("train", "nan.toml", "--run", "nan") // may say that it diverged
	p.write(pngOf(drawing("across", 1)), "image.png")
	checkpoint := "runs/nan/checkpoints/step-00000001.safetensors"
	var eval map[string]any
	p.object(p.works("eval", checkpoint, "--json", "--devices", "reference:0"), &eval)
	if loss, there := eval["loss"]; loss != nil || !there || eval["images"] != 4.0 ||
		fmt.Sprint(eval["top5_error"]) != "0" {
		t.Errorf("eval: %v", eval)
	}
	if r := p.works("eval", checkpoint, "--devices", "reference:0"); !strings.Contains(r.stdout, "loss         NaN\n") {
		t.Errorf("eval prints %q", r.stdout)
	}
	var predicted []struct {
		Guesses []struct{ Probability *float64 }
	}
	p.object(p.works("predict", checkpoint, "image.png", "--json", "--devices", "reference:0"), &predicted)
	if len(predicted) != 1 || len(predicted[0].Guesses) != 2 || predicted[0].Guesses[0].Probability != nil {
		t.Errorf("predict: %v", predicted)
	}
	if r := p.works("predict", checkpoint, "image.png", "--devices", "reference:0"); !strings.Contains(r.stdout, "NaN %") {
		t.Errorf("predict prints %q", r.stdout)
	}
}
