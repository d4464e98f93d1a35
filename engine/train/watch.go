package train

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"duet/internal/disk"
)

// Training says whether a process trains the run, without being in its way.
func (f *Folder) Training() (bool, error) {
	lock, err := os.Open(filepath.Join(f.Dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	locked, err := disk.IsLocked(lock)
	return locked, errors.Join(err, lock.Close())
}

// What the log says when a training begins and when it is done.
const (
	logTraining = "training"
	logResuming = "resuming"
	logDone     = "done"
)

// lastWords are the bytes of a log's end in which its latest training begins or ends.
const lastWords = 64 << 10

// Done says whether the log tells that the latest training came to its end.
func (f *Folder) Done() bool {
	log, err := os.Open(f.Log())
	if err != nil {
		return false
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil && info.Size() > lastWords {
		if _, err := log.Seek(-lastWords, io.SeekEnd); err != nil {
			return false
		}
	}
	b, err := io.ReadAll(io.LimitReader(log, lastWords))
	text := string(b)
	begun := max(strings.LastIndex(text, " msg="+logTraining+" "), strings.LastIndex(text, " msg="+logResuming+" "))
	return err == nil && strings.LastIndex(text, " msg="+logDone+" ") > begun
}
