package disk_test

import (
	"os"
	"testing"

	"duet/internal/disk"
)

// TestSyncFolderWithoutSync: a file system that syncs no folder keeps its names on its own.
func TestSyncFolderWithoutSync(t *testing.T) {
	if err := disk.SyncFolder("/proc"); err != nil {
		t.Error(err)
	}
}

// TestSyncFolderLeavesNothingOpen: no descriptor more, however often.
func TestSyncFolderLeavesNothingOpen(t *testing.T) {
	open := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	dir, before := t.TempDir(), open()
	for range 50 {
		if err := disk.SyncFolder(dir); err != nil {
			t.Fatal(err)
		}
	}
	if after := open(); after > before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}
