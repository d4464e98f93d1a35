package train

import (
	"bytes"
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

// ErrExists says that a run of this name is there already.
var ErrExists = errors.New("the run exists")

// ErrNoRun says that there is no run of this name to go on with.
var ErrNoRun = errors.New("no run to go on with")

// ErrBusy says that another process trains this run.
var ErrBusy = errors.New("another process is training this run")

// MistakesName is what the file of Mistakes is called in a run's folder.
const MistakesName = "mistakes.json"

// Folder is a run's folder: config.toml, metrics.jsonl, mistakes.json, log.txt and checkpoints/. While it is open no
// other process can train the run.
type Folder struct {
	Dir  string
	lock *os.File
}

// CreateFolder makes the folder of a new run with its configuration, or takes one that holds nothing. Any other is
// never touched; after an error there is none that was not there before.
func CreateFolder(dir string, config []byte) (*Folder, error) {
	if err := disk.MakeFolder(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	made := os.Mkdir(dir, 0o755)
	if made != nil && !errors.Is(made, fs.ErrExist) {
		return nil, made
	}
	if err := Free(dir); err != nil {
		return nil, err
	}
	f, err := OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	if err := Free(dir); err != nil { // another process was faster
		return nil, errors.Join(err, f.Close())
	}
	err = disk.SyncFolder(filepath.Dir(dir))
	if err == nil {
		err = f.configure(config)
	}
	if err != nil {
		if made == nil {
			err = errors.Join(err, os.Remove(f.lock.Name()), os.Remove(dir))
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// CreateNext is CreateFolder with the next free name of base-001, base-002, ... in a folder of runs, whoever else takes
// names there at the same time.
func CreateNext(root, base string, config []byte) (*Folder, error) {
	for tried := ""; ; {
		name := FreeName(root, base)
		f, err := CreateFolder(filepath.Join(root, name), config)
		if taken := errors.Is(err, ErrExists) || errors.Is(err, ErrBusy); !taken || name == tried {
			return f, err
		}
		tried = name
	}
}

// lockName is the file in a run's folder whose lock says that a process trains the run.
const lockName = ".lock"

// IsEmpty says whether a folder holds nothing of a run yet, as when the process that made it was killed at once.
func IsEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	ours := []string{lockName, configName + disk.Fresh}
	return err == nil && !slices.ContainsFunc(entries,
		func(e fs.DirEntry) bool { return !slices.Contains(ours, e.Name()) })
}

// Free checks that a folder is not there, or holds nothing, so that a run can begin in it; its error is an ErrExists.
func Free(dir string) error {
	if _, err := os.Stat(dir); err == nil && !IsEmpty(dir) {
		return fmt.Errorf("%s: %w; want --resume to go on with it, or another --run", dir, ErrExists)
	}
	return nil
}

// Resumable checks that a folder holds a run to go on with; its error is an ErrNoRun.
func Resumable(dir string) error {
	switch _, err := os.Stat(dir); {
	case err != nil:
		return fmt.Errorf("%w: there is no %s", ErrNoRun, dir)
	case IsEmpty(dir):
		return fmt.Errorf("%w: %s holds nothing yet: leave --resume out to begin it", ErrNoRun, dir)
	}
	return nil
}

// OpenFolder opens the folder of a run to go on with it. Its configuration stays until Run has taken over a checkpoint.
func OpenFolder(dir string) (*Folder, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	locked, err := disk.TryLock(lock)
	switch {
	case err != nil:
		err = fmt.Errorf("%s cannot be locked against other processes (%w): want --runs on a file system with locks", dir,
			err)
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

const configName = "config.toml"

// Config, Metrics, Mistakes, Log and Checkpoints are the paths of what the folder holds.
func (f *Folder) Config() string      { return filepath.Join(f.Dir, configName) }
func (f *Folder) Metrics() string     { return filepath.Join(f.Dir, "metrics.jsonl") }
func (f *Folder) Mistakes() string    { return filepath.Join(f.Dir, MistakesName) }
func (f *Folder) Log() string         { return filepath.Join(f.Dir, "log.txt") }
func (f *Folder) Checkpoints() string { return filepath.Join(f.Dir, "checkpoints") }

// Close lets other processes train the run.
func (f *Folder) Close() error { return f.lock.Close() }

// LastName is the one of base-001, base-002, ... in a folder of runs with the highest number that holds anything, or
// "".
func LastName(root, base string) string {
	numbers := numbers(root, base)
	for _, n := range slices.Backward(numbers) {
		if name := runName(base, n); !IsEmpty(filepath.Join(root, name)) {
			return name
		}
	}
	return ""
}

// FreeName is the name after the highest number: a folder in between that was removed is not filled again, so that the
// last run is always the newest.
func FreeName(root, base string) string {
	last := 0
	if numbers := numbers(root, base); len(numbers) > 0 {
		last = numbers[len(numbers)-1]
	}
	return runName(base, last+1)
}

func runName(base string, n int) string { return fmt.Sprintf("%s-%03d", base, n) }

// numbers are those of the runs of a name, in ascending order; a folder that cannot be read has none.
func numbers(root, base string) (all []int) {
	entries, _ := os.ReadDir(root) // its error comes again, and better, when a run is made there
	for _, e := range entries {
		digits, _ := strings.CutPrefix(e.Name(), base+"-")
		if n, err := strconv.Atoi(digits); err == nil && e.Name() == runName(base, n) {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}
