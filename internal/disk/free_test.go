package disk_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"duet/internal/disk"
)

func TestFree(t *testing.T) {
	dir := t.TempDir()
	if free, known := disk.Free(dir); known != (runtime.GOOS == "linux" || runtime.GOOS == "darwin") || free < 0 {
		t.Errorf("%d bytes, known: %t", free, known)
	}
	if free, known := disk.Free(filepath.Join(dir, "none")); free != 0 || known {
		t.Errorf("of a folder that is not there: %d bytes, known: %t", free, known)
	}
}
