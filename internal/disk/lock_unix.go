//go:build unix

package disk

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// aside is how long TryLock waits for IsLocked of another process, which has the lock for a moment.
const aside = 20 * time.Millisecond

// TryLock takes f for this process alone; false when another one has it. An error is of a file system without locks.
func TryLock(f *os.File) (bool, error) {
	locked, err := tryLock(f, syscall.LOCK_EX)
	if !locked && err == nil {
		time.Sleep(aside)
		return tryLock(f, syscall.LOCK_EX)
	}
	return locked, err
}

// IsLocked says whether another process has f, which is open for nothing else.
func IsLocked(f *os.File) (bool, error) {
	free, err := tryLock(f, syscall.LOCK_SH)
	if free {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	}
	return !free && err == nil, err
}

func tryLock(f *os.File, how int) (bool, error) {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
