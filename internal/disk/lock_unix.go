//go:build unix

package disk

import (
	"errors"
	"os"
	"syscall"
)

// TryLock takes f for this process alone; false when another one has it. An error is of a file system without locks.
func TryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
