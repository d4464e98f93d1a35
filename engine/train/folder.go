package train

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"duet/engine/disk"
)

// ErrExists says that a run of this name is there already.
var ErrExists = errors.New("the run exists")

// ErrBusy says that another process trains this run.
var ErrBusy = errors.New("another process is training this run")

// Folder is a run's folder: config.toml, metrics.jsonl, log.txt and checkpoints/. While it is open no other process can
// train the run.
type Folder struct {
	Dir  string
	lock *os.File
}

// CreateFolder makes the folder of a new run with its configuration. An existing one is never touched; after an error
// there is none.
func CreateFolder(dir string, config []byte) (*Folder, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%s: %w; want --resume to go on with it, or another --run", dir, ErrExists)
		}
		return nil, err
	}
	f, err := OpenFolder(dir)
	if err == nil {
		if err = f.configure(config); err == nil {
			return f, nil
		}
		err = errors.Join(err, f.Close())
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

// OpenFolder opens the folder of a run to go on with it. Its configuration stays until Run has taken over a checkpoint.
func OpenFolder(dir string) (*Folder, error) {
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	locked, err := disk.TryLock(lock)
	switch {
	case err != nil:
		err = fmt.Errorf("%s cannot be locked against other processes (%w): want --runs on a file system with locks", dir, err)
	case !locked:
		err = fmt.Errorf("%s: %w", dir, ErrBusy)
	default:
		return &Folder{dir, lock}, nil
	}
	return nil, errors.Join(err, lock.Close())
}

// configure puts a configuration, which may have changed, into the folder.
func (f *Folder) configure(config []byte) error {
	if old, err := os.ReadFile(f.Config()); err == nil && bytes.Equal(old, config) {
		return nil
	}
	return disk.Replace(f.Config(), config)
}

// Config, Metrics, Log and Checkpoints are the paths of what the folder holds.
func (f *Folder) Config() string      { return filepath.Join(f.Dir, "config.toml") }
func (f *Folder) Metrics() string     { return filepath.Join(f.Dir, "metrics.jsonl") }
func (f *Folder) Log() string         { return filepath.Join(f.Dir, "log.txt") }
func (f *Folder) Checkpoints() string { return filepath.Join(f.Dir, "checkpoints") }

// Close lets other processes train the run.
func (f *Folder) Close() error { return f.lock.Close() }

// LastName is the one of base-001, base-002, ... in a folder of runs with the highest number, or "".
func LastName(root, base string) string {
	if n := lastNumber(root, base); n > 0 {
		return runName(base, n)
	}
	return ""
}

// FreeName is the name after LastName: a folder in between that was removed is not filled again, so that the last run is
// always the newest.
func FreeName(root, base string) string { return runName(base, lastNumber(root, base)+1) }

func runName(base string, n int) string { return fmt.Sprintf("%s-%03d", base, n) }

// lastNumber is 0 where there is no run; a folder that cannot be read has none.
func lastNumber(root, base string) (last int) {
	entries, _ := os.ReadDir(root) // its error comes again, and better, when a run is made there
	for _, e := range entries {
		digits, _ := strings.CutPrefix(e.Name(), base+"-")
		if n, err := strconv.Atoi(digits); err == nil && e.Name() == runName(base, n) {
			last = max(last, n)
		}
	}
	return last
}
