package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
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

// CreateFolder makes the folder of a new run with its configuration. An existing one is never touched.
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
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(f.Config(), config, 0o644); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// OpenFolder opens the folder of a run to go on with it.
func OpenFolder(dir string) (*Folder, error) {
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, ErrBusy), lock.Close())
	}
	return &Folder{dir, lock}, nil
}

// FreeName is the first of base-001, base-002, ... that no run in a folder of runs has.
func FreeName(root, base string) string {
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s-%03d", base, i)
		if _, err := os.Lstat(filepath.Join(root, name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
}

// Config, Metrics, Log and Checkpoints are the paths of what the folder holds.
func (f *Folder) Config() string      { return filepath.Join(f.Dir, "config.toml") }
func (f *Folder) Metrics() string     { return filepath.Join(f.Dir, "metrics.jsonl") }
func (f *Folder) Log() string         { return filepath.Join(f.Dir, "log.txt") }
func (f *Folder) Checkpoints() string { return filepath.Join(f.Dir, "checkpoints") }

// Close lets other processes train the run.
func (f *Folder) Close() error { return f.lock.Close() }
