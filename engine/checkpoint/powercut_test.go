package checkpoint_test

import (
	"path/filepath"
	"testing"

	"duet/engine/checkpoint"
	"duet/internal/disk/powercut"
)

// TestPowerCut: when Save has returned, the checkpoint would be there after a power cut, under both of its names where
// it is the best; and so would the folder.
func TestPowerCut(t *testing.T) {
	dir, cut := t.TempDir(), powercut.Watch(t)
	s := open(t, filepath.Join(dir, "runs", "one", "checkpoints"), 2)
	for step := range uint64(5) {
		best := step%2 == 1
		saveAll(t, s, map[uint64]bool{step: best}, step)
		cut.Has(dir, s.StepPath(step))
		if best {
			cut.Has(dir, s.BestPath())
		}
	}
	alone := filepath.Join(dir, "alone.safetensors")
	for range 2 {
		if err := checkpoint.Save(alone, sample(7)); err != nil {
			t.Fatal(err)
		}
		cut.Has(dir, alone)
	}
}
