package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// Fresh is the ending of the file that Replace writes before it gets its name. A process that was killed may leave one.
const Fresh = ".new"

// Replace writes a file so that it is there whole or not at all, and waits until it is on disk. After an error a former
// file
// is as it was, unless only the folder could not be synced.
func Replace(path string, data []byte) error {
	return ReplaceBy(path, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

// ReplaceBy is Replace of what write writes.
func ReplaceBy(path string, write func(f *os.File) error) error {
	fresh := path + Fresh
	f, err := os.Create(fresh)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = Sync(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in a folder, and what was renamed there, last through a power cut. File systems that
// cannot
// sync a folder keep it on their own.
func SyncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	tell(FolderSynced, path)
	return nil
}

// MakeFolder makes a folder and those above it where there are none, and waits until their names are on disk.
func MakeFolder(path string) error {
	if _, err := os.Stat(path); err == nil {
		return os.MkdirAll(path, 0o777) // an error where it is no folder
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := MakeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	return SyncFolder(parent)
}
