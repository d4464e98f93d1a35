package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// Fresh is the ending of the file that Replace writes before it gets its name. A process that was killed may leave one.
const Fresh = ".new"

// Replace writes a file so that it is there whole or not at all, and waits until it is on disk. After an error a former file
// is as it was, unless only the folder could not be synced.
func Replace(path string, data []byte) error {
	fresh := path + Fresh
	f, err := os.Create(fresh)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in a folder, and what was renamed there, last through a power cut. File systems that cannot
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
	return nil
}
