package disk_test

import (
	"testing"

	"duet/engine/disk"
)

// TestSyncFolderWithoutSync: a file system that syncs no folder keeps its names on its own.
func TestSyncFolderWithoutSync(t *testing.T) {
	if err := disk.SyncFolder("/proc"); err != nil {
		t.Error(err)
	}
}
