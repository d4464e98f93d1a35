package metrics

import (
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"duet/internal/disk"
)

// claimed are the terminals on which this process draws, opened once more and locked until it ends.
var claimed = struct {
	sync.Mutex
	terminals map[string]*os.File
}{terminals: map[string]*os.File{}}

// drawsAlone reports whether a terminal is this process's to draw on: it runs in the foreground there, and no other
// program that asks draws on it. Where that cannot be told it is.
func drawsAlone(f *os.File) bool {
	if group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP); err == nil && group != unix.Getpgrp() {
		return false // another program has the terminal
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return true
	}
	claimed.Lock()
	defer claimed.Unlock()
	if claimed.terminals[path] != nil {
		return true
	}
	t, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOCTTY, 0) // f itself may be shared with the other program
	if err != nil {
		return true
	}
	if alone, err := disk.TryLock(t); err == nil && !alone {
		t.Close() // nothing was written to it
		return false
	}
	claimed.terminals[path] = t
	return true
}
