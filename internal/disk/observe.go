package disk

import (
	"os"
	"sync/atomic"
)

// Event is something done to a file or a folder that decides what a power cut leaves.
type Event struct {
	Kind Kind
	Path string // of a rename the new one
}

// Kind is what was done.
type Kind int

const (
	Synced Kind = iota
	Renamed
	FolderSynced
)

var observer atomic.Pointer[func(Event)]

// Observe has f told of every event of this process, just after it, until stop is called. It is for tests: nothing but
// a
// power cut shows otherwise that a file was not synced. f may be called from several goroutines.
func Observe(f func(Event)) (stop func()) {
	observer.Store(&f)
	return func() { observer.Store(nil) }
}

func tell(k Kind, path string) {
	if f := observer.Load(); f != nil {
		(*f)(Event{k, path})
	}
}

// Sync waits until a file's content is on disk.
func Sync(f *os.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	tell(Synced, f.Name())
	return nil
}

// Rename gives a file or a folder, whose content must be on disk, another name, in the place of the file that had it.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	tell(Renamed, to)
	return nil
}
