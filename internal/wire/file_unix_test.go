//go:build unix

package wire_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"duet/internal/wire"
)

// TestPipe: a pipe, which nobody writes to, is not waited for.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Skip(err)
	}
	if _, err := wire.ReadFile(path); err == nil || !strings.Contains(err.Error(), "not a file but p") {
		t.Error(err)
	}
}
