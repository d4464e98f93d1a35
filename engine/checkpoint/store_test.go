package checkpoint_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

func open(t *testing.T, folder string, keep int) *checkpoint.Store {
	t.Helper()
	s, err := checkpoint.OpenStore(folder, keep)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// saveAll saves the steps; those that are also in best as the best.
func saveAll(t *testing.T, s *checkpoint.Store, best map[uint64]bool, steps ...uint64) {
	t.Helper()
	for _, step := range steps {
		if err := s.Save(sample(step), best[step]); err != nil {
			t.Fatal(err)
		}
	}
}

func checkSteps(t *testing.T, s *checkpoint.Store, want string) {
	t.Helper()
	if steps, err := s.Steps(); err != nil || fmt.Sprint(steps) != want {
		t.Errorf("steps %v, %v; want %s", steps, err, want)
	}
}

func TestStoreKeeps(t *testing.T) {
	for _, c := range []struct {
		keep  int
		steps []uint64
		best  uint64
		want  string
	}{
		{2, []uint64{0, 10, 20, 30}, 10, "[20 30]"},
		{1, []uint64{10, 20}, 20, "[20]"},
		{0, []uint64{0, 10, 20}, 10, "[0 10 20]"},
		{3, []uint64{10}, 10, "[10]"},
		{2, []uint64{10, 20, 20}, 20, "[10 20]"}, // the same step again
		// resumed from before 15: what came later is gone
		{2, []uint64{10, 20, 30, 15}, 20, "[15]"},
		{2, []uint64{99999999, 100000000}, 99999999, "[99999999 100000000]"}, // order of numbers, not of names
	} {
		t.Run(fmt.Sprint(c.keep, c.steps), func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "checkpoints"), c.keep)
			saveAll(t, s, map[uint64]bool{c.best: true}, c.steps...)
			checkSteps(t, s, c.want)
			if m, err := checkpoint.ReadMeta(s.BestPath()); err != nil || m.Step != c.best {
				t.Errorf("best: step %d, %v; want %d", m.Step, err, c.best)
			}
			f, path, skipped, err := s.Latest()
			if last := c.steps[len(c.steps)-1]; err != nil || f.Meta.Step != last || path != s.StepPath(last) || skipped != nil {
				t.Errorf("Latest gives %s, %v, %v", path, skipped, err)
			}
		})
	}
}

// TestBestIsLinked checks that the best costs no second file, and that saving its step again leaves it alone.
func TestBestIsLinked(t *testing.T) {
	s := open(t, t.TempDir(), 1)
	saveAll(t, s, map[uint64]bool{10: true}, 10)
	a, err1 := os.Stat(s.BestPath())
	b, err2 := os.Stat(s.StepPath(10))
	if err1 != nil || err2 != nil || !os.SameFile(a, b) {
		t.Errorf("best and step 10 are two files: %v, %v", err1, err2)
	}
	f := sample(10)
	f.Meta.Seed = 5
	if err := s.Save(f, false); err != nil {
		t.Fatal(err)
	}
	if m, err := checkpoint.ReadMeta(s.BestPath()); err != nil || m.Seed == 5 {
		t.Errorf("best has changed with the step: %+v, %v", m, err)
	}
}

// TestBestFirst: the best is written before its step, and a failure of either is Save's: a run must not go on from a
// step whose best is lost.
func TestBestFirst(t *testing.T) {
	for _, c := range []struct {
		name          string
		full          func(s *checkpoint.Store) string // a folder with something in it, which no file can replace
		best, hasStep bool
	}{
		{"best cannot be written", (*checkpoint.Store).BestPath, true, false},
		{"step of a best cannot be written", func(s *checkpoint.Store) string { return s.StepPath(10) }, true, false},
		{"step cannot be written", func(s *checkpoint.Store) string { return s.StepPath(10) }, false, false},
		{"best is in the way of nothing", (*checkpoint.Store).BestPath, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir(), 3)
			if err := os.MkdirAll(filepath.Join(c.full(s), "full"), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := s.Save(sample(10), c.best); (err == nil) != c.hasStep {
				t.Errorf("error %v", err)
			}
			if m, err := checkpoint.ReadMeta(s.StepPath(10)); (err == nil) != c.hasStep {
				t.Errorf("of the step: %+v, %v", m, err)
			}
		})
	}
}

func TestLatestFallsBack(t *testing.T) {
	damage := func(t *testing.T, s *checkpoint.Store, step uint64) {
		raw := readFile(t, s.StepPath(step))
		raw[len(raw)-1] ^= 1
		if err := os.WriteFile(s.StepPath(step), raw, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, t.TempDir(), 3)
	if _, _, _, err := s.Latest(); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("empty: %v", err)
	}
	saveAll(t, s, nil, 10, 20, 30)
	damage(t, s, 30)
	f, path, skipped, err := s.Latest()
	if err != nil || f.Meta.Step != 20 || path != s.StepPath(20) {
		t.Fatalf("newest damaged: %s, %v", path, err)
	}
	if len(skipped) != 1 || !errors.Is(skipped[0], checkpoint.ErrDamaged) ||
		!strings.Contains(skipped[0].Error(), s.StepPath(30)) {
		t.Errorf("skipped %v", skipped)
	}
	// The damaged one must not push out those of the run that goes on.
	saveAll(t, s, nil, 22, 24, 26)
	checkSteps(t, s, "[22 24 26]")
	for _, step := range []uint64{22, 24, 26} {
		damage(t, s, step)
	}
	if _, _, skipped, err := s.Latest(); !errors.Is(err, checkpoint.ErrDamaged) || len(skipped) != 3 ||
		!strings.Contains(err.Error(), "none of the 3 checkpoints is whole") {
		t.Errorf("all damaged: %v, %v", skipped, err)
	}
}

func TestLatestStopsAtNewer(t *testing.T) {
	s := open(t, t.TempDir(), 3)
	saveAll(t, s, nil, 10)
	if err := os.WriteFile(s.StepPath(20), craft(`{`+meta("2")+`}`, nil), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, path, _, err := s.Latest(); !errors.Is(err, checkpoint.ErrNewer) || path != s.StepPath(20) {
		t.Errorf("Latest: %s, %v", path, err)
	}
}

func TestOpenStore(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{".step-00000007.safetensors.123-1.tmp", ".best.safetensors.9-2.tmp", ".other.tmp",
		"notes.txt", "step-x.safetensors"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, folder, 1)
	checkSteps(t, s, "[]")
	saveAll(t, s, nil, 1, 2)
	list, _ := os.ReadDir(folder)
	if fmt.Sprint(list) != "[- .other.tmp - notes.txt - step-00000002.safetensors - step-x.safetensors]" {
		t.Errorf("in the folder: %v", list)
	}
	if _, err := checkpoint.OpenStore(folder, -1); err == nil || !strings.Contains(err.Error(), "keep -1: need 0 (all)") {
		t.Errorf("keep -1: %v", err)
	}
	if _, err := checkpoint.OpenStore(filepath.Join(folder, "notes.txt"), 1); err == nil {
		t.Error("a store in the place of a file")
	}
}
