package metrics_test

import (
	"path/filepath"
	"testing"

	"duet/engine/metrics"
	"duet/internal/disk"
	"duet/internal/disk/powercut"
)

// TestPowerCut: after Close all lines would be there after a power cut, and after lines were removed the others.
func TestPowerCut(t *testing.T) {
	dir, cut := t.TempDir(), powercut.Watch(t)
	path := filepath.Join(dir, "metrics.jsonl")
	for _, step := range []uint64{0, 5, 3} { // that the checkpoint has
		m, err := metrics.OpenJSONL(path, step, 0)
		if err != nil {
			t.Fatal(err)
		}
		switch step {
		case 0: // the name of a new file is for whoever has made the folder
			if err := disk.SyncFolder(dir); err != nil {
				t.Fatal(err)
			}
		case 3: // lines 4 to 10 are gone
			cut.Has(dir, path)
		}
		for n := range uint64(5) {
			if err := m.WriteStep(metrics.Step{Step: step + n + 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		cut.Has(dir, path)
		steps, _, err := metrics.Read(path)
		if err != nil || len(steps) != int(step)+5 {
			t.Errorf("%d steps, error %v", len(steps), err)
		}
	}
}
