package train

import (
	"bytes"
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
	return OpenFolder(dir, config)
}

// OpenFolder opens the folder of a run to go on with it, with a configuration that may have changed.
func OpenFolder(dir string, config []byte) (*Folder, error) {
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, ErrBusy), lock.Close())
	}
	f := &Folder{dir, lock}
	if old, err := os.ReadFile(f.Config()); err == nil && bytes.Equal(old, config) {
		return f, nil
	}
	if err := replace(f.Config(), config); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// replace writes a file whole or not at all.
func replace(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
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

// LastName is the last of base-001, base-002, ... that there is in a folder of runs, or "".
func LastName(root, base string) string {
	last := ""
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s-%03d", base, i)
		if _, err := os.Lstat(filepath.Join(root, name)); err != nil {
			return last
		}
		last = name
	}
}
