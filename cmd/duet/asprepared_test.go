package main

import (
	"testing"

	"duet/configs"
)

// TestPresetsOnPackedSets: no preset asks a packed set for other than it holds, and what does is refused before there
// is a run.
func TestPresetsOnPackedSets(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--val-fraction", "0.2") // of 256 x 256
	for _, name := range configs.Presets() {
		p.works("data", "show", name, "--images", "1", "--set", "data.path=set")
	}
	args := func(keys ...string) []string {
		return trainArgs("run", sets(append([]string{"data.path=set", "data.size=256", "train.batch=4", "train.max_steps=1"},
			keys...)...)...)
	}
	before := len(p.holds())
	p.refused(exitFailed, []string{"data.per_class = 3", "per_class 0", "duet prepare set OUT --per-class 3",
		"leave the key out"}, args("data.per_class=3")...)
	p.refused(exitFailed, []string{`data.classes = ["down"]`, "--classes down"}, args(`data.classes=["down"]`)...)
	if left := p.holds(); len(left) != before {
		t.Errorf("left behind: %v", left)
	}
	p.works(args("data.val_fraction=0.2", "data.strict=true")...)
}
