//go:build unix

package dataloader

import (
	"fmt"
	"os"
	"syscall"
)

// mapFile maps size bytes of f read-only into memory. A file that shrinks while it is mapped kills the process.
func mapFile(f *os.File, size int64) (data []byte, unmap func() error, err error) {
	if int64(int(size)) != size {
		return nil, nil, fmt.Errorf("%s: %d bytes do not fit in this machine's address space", f.Name(), size)
	}
	data, err = syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: map %d bytes: %w", f.Name(), size, err)
	}
	return data, func() error { return syscall.Munmap(data) }, nil
}

// lockFile takes f for this process alone; false when another process has it.
func lockFile(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
