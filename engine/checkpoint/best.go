package checkpoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Best is the path of the best checkpoint in a store's folder, or of the newest where none was ever the best. A folder
// without checkpoints is an ErrNone. It changes nothing: a run may be saving into the folder.
func Best(dir string) (string, error) {
	s := &Store{dir: dir}
	if _, err := os.Stat(s.BestPath()); err == nil {
		return s.BestPath(), nil
	}
	return Newest(dir)
}

// Find is a path, or, of the folder of a run or of its checkpoints, that of the best checkpoint in it.
func Find(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() { // reading it will tell
		return path, nil
	}
	for _, dir := range []string{filepath.Join(path, "checkpoints"), path} {
		if found, err := Best(dir); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is a folder without checkpoints: want a checkpoint, or the folder of a run", path)
}

// Is says whether a path is a checkpoint's, or a folder's with checkpoints: by the ending of the name, or by how the
// file begins.
func Is(path string) bool {
	if strings.HasSuffix(path, extension) {
		return true
	}
	if info, err := os.Stat(path); err != nil {
		return false
	} else if info.IsDir() {
		_, err := Find(path)
		return err == nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() // nothing was written
	head, _ := io.ReadAll(io.LimitReader(f, lengthBytes+1))
	return Looks(head) == safetensors
}

// Newest is the path of the newest checkpoint of a step in a store's folder; its error is that of Best.
func Newest(dir string) (string, error) {
	all, err := All(dir)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", fmt.Errorf("checkpoint store %s: %w", dir, ErrNone)
	}
	return all[len(all)-1], nil
}

// All are the paths of the checkpoints of steps in a store's folder, in the order of the steps.
func All(dir string) ([]string, error) {
	s := &Store{dir: dir}
	steps, err := s.Steps()
	var all []string
	for _, step := range steps {
		all = append(all, s.StepPath(step))
	}
	return all, err
}
