package duet_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet"
	"duet/engine/checkpoint"
)

// TestOlderRun: what was trained when keys had other names is seen, used, and gone on with, as it was.
func TestOlderRun(t *testing.T) {
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
	config := filepath.Join(s.Folder, "config.toml")
	text, err := os.ReadFile(config)
	check(t, err)
	check(t, os.WriteFile(config, []byte(strings.ReplaceAll(string(text), `activation = "relu"`, "relu = true")), 0o600))
	want := tiny(t, dir)
	run, err := duet.ReadRun(s.Folder)
	check(t, err)
	if string(run.Config.TOML()) != string(want.TOML()) {
		t.Errorf("the run's:\n%s\nwant:\n%s", run.Config.TOML(), want.TOML())
	}
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
