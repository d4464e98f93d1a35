package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"duet/internal/disk"
)

// Names in a store's folder.
const (
	stepPrefix = "step-"
	extension  = ".safetensors"
	bestName   = "best" + extension
)

// Store is the checkpoints folder of a run. It holds step-00001234.safetensors for the last steps that were saved, and
// best.safetensors, the one with the smallest validation error, which stays when its step is no longer among the last.
// One process at a time may save into a store.
type Store struct {
	dir  string
	keep int
}

// OpenStore opens a folder, makes it if there is none, and removes what a killed process left half-written. The store
// keeps the last keep checkpoints and the best; 0 keeps all.
func OpenStore(dir string, keep int) (*Store, error) {
	if keep < 0 {
		return nil, fmt.Errorf("checkpoint store %s: keep %d: need 0 (all) or the number of checkpoints to keep", dir, keep)
	}
	if err := disk.MakeFolder(dir); err != nil {
		return nil, fmt.Errorf("checkpoint store: %w", err)
	}
	names, err := filesIn(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasPrefix(name, ".") && strings.Contains(name, extension+".") && strings.HasSuffix(name, tempSuffix) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return nil, fmt.Errorf("checkpoint store: left over from a killed run: %w", err)
			}
		}
	}
	return &Store{dir: dir, keep: keep}, nil
}

// StepPath is where the checkpoint of a step is or would be.
func (s *Store) StepPath(step uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s%08d%s", stepPrefix, step, extension))
}

// BestPath is where the best checkpoint is, once there has been one.
func (s *Store) BestPath() string { return filepath.Join(s.dir, bestName) }

// Steps lists the steps that have a checkpoint, in ascending order. Best.safetensors is not among them.
func (s *Store) Steps() ([]uint64, error) {
	names, err := filesIn(s.dir)
	if err != nil {
		return nil, err
	}
	var steps []uint64
	for _, name := range names {
		digits := strings.TrimSuffix(strings.TrimPrefix(name, stepPrefix), extension)
		if step, err := strconv.ParseUint(digits, 10, 64); err == nil && name == filepath.Base(s.StepPath(step)) {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// Save writes f under its step, and as the best one if isBest, and then removes what is no longer to be kept: steps
// before the last keep ones, and steps after this one, which a run that was resumed from an earlier checkpoint has left
// behind.
//
// The best is written first. A process that is killed in between resumes from an earlier step, comes to this one again
// and saves it again; in the other order the best of the run could stay unsaved.
func (s *Store) Save(f *File, isBest bool) error {
	path := s.StepPath(f.Meta.Step)
	if !isBest {
		if err := Save(path, f); err != nil {
			return err
		}
		return s.prune(f.Meta.Step)
	}
	if err := Save(s.BestPath(), f); err != nil {
		return err
	}
	// Two names for one file are safe because checkpoints are replaced, never changed. Where the file system knows no
	// hard links, a second file does.
	if link(s.BestPath(), path) != nil {
		if err := Save(path, f); err != nil {
			return err
		}
	}
	return s.prune(f.Meta.Step)
}

// link gives the file a second name, in the place of what had that name before.
func link(file, name string) error {
	temp := tempName(name)
	if err := os.Link(file, temp); err != nil {
		return err
	}
	err := disk.Rename(temp, name)
	os.Remove(temp) // what is left of a rename that failed, or of one between two names of one file, which does nothing
	if err != nil {
		return err
	}
	return disk.SyncFolder(filepath.Dir(name))
}

// prune removes the checkpoints that are no longer to be kept after the one of the given step was saved.
func (s *Store) prune(saved uint64) error {
	steps, err := s.Steps()
	if err != nil {
		return err
	}
	end := len(steps) // of the steps up to the saved one
	for end > 0 && steps[end-1] > saved {
		end--
	}
	for i, step := range steps {
		if i < end && (s.keep == 0 || i >= end-s.keep) {
			continue
		}
		if err := os.Remove(s.StepPath(step)); err != nil {
			return fmt.Errorf("checkpoint store: old checkpoint: %w", err)
		}
	}
	return nil
}

// Latest loads the newest checkpoint that is whole, the best one where no step's is. Newer ones that are damaged are
// passed over, and skipped has an error for each of them that the user should see. An empty store is an ErrNone; a
// checkpoint of a newer format, or one that the system cannot read, is an error even if there are older ones, because
// going on from those would throw work away.
func (s *Store) Latest() (f *File, path string, skipped []error, err error) {
	steps, err := s.Steps()
	if err != nil {
		return nil, "", nil, err
	}
	var paths []string
	for _, step := range slices.Backward(steps) {
		paths = append(paths, s.StepPath(step))
	}
	for _, path := range append(paths, s.BestPath()) {
		f, err := Load(path)
		if err == nil {
			return f, path, skipped, nil
		}
		if path == s.BestPath() && errors.Is(err, fs.ErrNotExist) {
			break
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
			return nil, path, skipped, err
		}
		skipped = append(skipped, err)
	}
	if len(skipped) > 0 {
		return nil, "", skipped, fmt.Errorf("checkpoint store %s: none of the %d checkpoints is whole; the newest: %w",
			s.dir, len(skipped), skipped[0])
	}
	return nil, "", nil, fmt.Errorf("checkpoint store %s: %w", s.dir, ErrNone)
}

// filesIn lists a folder.
func filesIn(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("checkpoint store: %w", err)
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names, nil
}
