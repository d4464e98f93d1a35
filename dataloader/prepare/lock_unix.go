//go:build unix

package prepare

import (
	"os"
	"syscall"
)

// lockFile takes f for this process alone; false when another process has it.
func lockFile(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
