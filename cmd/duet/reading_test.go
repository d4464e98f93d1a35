package main

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

// topHeavy is light above and dark below, or, of the class "below", the other way round.
func topHeavy(class string, i int) *image.RGBA {
	const side = 28
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		level := uint8(250 - 8*y)
		if class == "below" {
			level = uint8(34 + 8*y)
		}
		for x := range side {
			img.SetRGBA(x, y, color.RGBA{level, uint8(20 * i), uint8(x), 255})
		}
	}
	return img
}

// TestReadAsLearned: predict and eval read files as those of the set were that the network learned from, also through
// a set that was made of that one. The same pictures, lying and upright, are then the same.
func TestReadAsLearned(t *testing.T) {
	p := newPlace(t)
	for _, class := range []string{"above", "below"} {
		for i := range 8 {
			img := topHeavy(class, i)
			p.write(lyingPNG(img), "lying", class, fmt.Sprintf("%d.png", i))
			p.write(pngOf(img), "upright", class, fmt.Sprintf("%d.png", i))
		}
	}
	p.works("prepare", "lying", "whole", "--exif", "--size", "24")
	p.works("prepare", "whole", "part", "--per-class", "6", "--val-fraction", "0.3")
	p.works("prepare", "lying", "asleep", "--size", "24")
	for _, set := range []string{"whole", "part"} {
		if r := p.works("data", "info", set); !strings.Contains(r.stdout, "codec raw, turned as their EXIF data say\n") {
			t.Errorf("%s: info says %q", set, r.stdout)
		}
		p.works(trainArgs(set, sets("data.path="+set, "train.batch=4", "train.max_steps=12", "train.validate_epochs=0",
			"train.validate_steps=0", "data.random_crop=false")...)...)
		checkpoint := p.path("runs", set, "checkpoints", "step-00000012.safetensors")
		for _, file := range []string{"above/0.png", "below/3.png"} {
			lying, upright := p.works("predict", checkpoint, "lying/"+file).stdout, p.works("predict", checkpoint,
				"upright/"+file).stdout
			if _, a, _ := strings.Cut(lying, "\n"); !strings.HasSuffix(upright, a) || a == "" {
				t.Errorf("%s: %s lying:\n%supright:\n%s", set, file, lying, upright)
			}
		}
		lying, upright := p.works("eval", checkpoint, "--data", "lying"), p.works("eval", checkpoint, "--data", "upright")
		if a, b := strings.TrimPrefix(lying.stdout, "lying"), strings.TrimPrefix(upright.stdout, "upright"); a != b {
			t.Errorf("%s: eval of the lying says %s, of the upright ones %s", set, a, b)
		}
		if r := p.works("eval", checkpoint, "--data", "asleep"); !strings.Contains(r.stderr,
			"asleep were prepared without --exif, those that the network learned from with") {
			t.Errorf("%s: eval of a set that was read otherwise says %q", set, r.stderr)
		}
	}
	p.refused(exitFailed, []string{"prepared without --exif", "its source again with --exif"}, "prepare", "asleep",
		"awake", "--exif")
	p.works("prepare", "whole", "awake", "--exif")
}

// TestOlderCheckpoints: where a checkpoint says nothing of how files are read, its configuration does.
func TestOlderCheckpoints(t *testing.T) {
	p := newPlace(t)
	for _, class := range []string{"above", "below"} {
		for i := range 6 {
			p.write(lyingPNG(topHeavy(class, i)), "lying", class, fmt.Sprintf("%d.png", i))
		}
	}
	p.works(trainArgs("run", sets("data.path=lying", "data.exif=true", "data.size=24", "train.batch=4",
		"train.max_steps=12")...)...)
	f, err := checkpoint.Load(p.last("run"))
	p.check(err)
	if f.Meta.Extra["reading"] != `{"exif":true,"allow_truncated":false}` {
		t.Errorf("the checkpoint has %q", f.Meta.Extra["reading"])
	}
	delete(f.Meta.Extra, "reading")
	p.check(checkpoint.Save(p.path("older.safetensors"), f))
	if now, older := p.works("predict", p.last("run"), "lying/above/0.png"), p.works("predict", "older.safetensors",
		"lying/above/0.png"); now.stdout != older.stdout {
		t.Errorf("%s, but by the older one %s", now.stdout, older.stdout)
	}
}

// TestForeseen: what a network could not use is refused before it is packed, and nothing is left behind.
func TestForeseen(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.photos("more")
	p.write(pngOf(drawing("down", 1)), "more", "third", "1.png")
	p.works(trainArgs("run", sets("data.path=photos", "data.packed=set", "data.size=24", "data.val_fraction=0.2",
		"train.batch=4", "train.max_steps=1")...)...)
	checkpoint := p.path("runs", "run", "checkpoints", "step-00000001.safetensors")
	p.check(os.Mkdir(p.path("data"), 0o777))
	before := len(p.holds()) + 1 // "one"
	p.refused(exitFailed, []string{"more", "1 class that the network has not learned", `"third"`}, "eval", checkpoint,
		"--data", "more")
	p.refused(exitFailed, []string{"photos", "fc5", "5, but the data has 2 classes"},
		trainArgs("other", sets("data.path=photos", "data.size=24", "network.layers.fc5.features=5")...)...)
	p.refused(exitFailed, []string{"photos", "no validation split"},
		trainArgs("other", sets("data.path=photos", "data.size=24", "data.val_fraction=0")...)...)
	bench := append([]string{"bench", "smoke", "--data", "--steps", "1", "--rounds", "1", "--batch", "4", "--devices",
		"reference:0"}, sets("data.path=photos", "data.size=24")...)
	p.refused(exitFailed, []string{"photos", "fc5", "5, but the data has 2 classes"},
		append(bench, sets("network.layers.fc5.features=5")...)...)
	p.refused(exitFailed, []string{"photos", "data.crop"},
		append([]string{"data", "show", "smoke"}, sets("data.path=photos", "data.crop=300")...)...)
	p.refused(exitFailed, []string{"photos", "data.crop"},
		trainArgs("other", sets("data.path=photos", "data.crop=300")...)...)
	p.write(p.read("photos", "down", "0.png"), "one", "down", "0.png")
	p.refused(exitFailed, []string{"data.path", "one class", "--format folders", "data.format"},
		trainArgs("other", sets("data.path=one")...)...)
	packed, err := os.ReadDir(p.path("data"))
	p.check(err)
	if left := p.holds(); len(left) != before || len(packed) != 0 {
		t.Errorf("left behind: %v, in data %v", left, packed)
	}
	p.works(append(bench, sets("data.val_fraction=0")...)...) // it does not validate
}

// TestReplacedSetIsNotTested: the validation images of another set may be those that the network learned from.
func TestReplacedSetIsNotTested(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24", "--val-fraction", "0.2")
	p.works(trainArgs("run", sets("data.path=set", "train.batch=4", "train.max_steps=1")...)...)
	best := p.path("runs", "run", "checkpoints", "best.safetensors")
	p.works("eval", best)
	p.check(os.RemoveAll(p.path("set")))
	p.works("prepare", "photos", "set", "--size", "24", "--val-fraction", "0.3", "--seed", "9")
	p.refused(exitFailed, []string{"set holds other data", "learned from", "--data set"}, "eval", best)
	p.works("eval", best, "--data", "set")
}
