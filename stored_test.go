package duet_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"duet"
	"duet/engine/checkpoint"
)

// TestOlderCheckpoint: what was trained when keys had other names is used, and gone on with, as it was.
func TestOlderCheckpoint(t *testing.T) {
	dir, s := trained(t)
	paths, err := filepath.Glob(filepath.Join(s.Folder, "checkpoints", "*.safetensors"))
	check(t, err)
	for _, path := range paths {
		f, err := checkpoint.Load(path)
		check(t, err)
		older := strings.ReplaceAll(f.Meta.Config, `activation = "relu"`, "relu = true")
		if older == f.Meta.Config {
			t.Fatalf("%s has no key that there was once:\n%s", path, older)
		}
		f.Meta.Config = older
		check(t, checkpoint.Save(path, f))
	}
	want := tiny(t, dir)
	c, err := duet.ReadCheckpoint(s.Folder)
	check(t, err)
	if string(c.Config.TOML()) != string(want.TOML()) {
		t.Errorf("read:\n%s\nwant:\n%s", c.Config.TOML(), want.TOML())
	}
	again, err := duet.Train(context.Background(), tiny(t, dir, "train.max_steps=6"),
		duet.TrainOptions{Runs: dir, Run: filepath.Base(s.Folder), Resume: true})
	if check(t, err); again.Steps != 6 {
		t.Errorf("gone on with to step %d", again.Steps)
	}
}
