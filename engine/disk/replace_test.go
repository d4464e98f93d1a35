package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"duet/engine/disk"
)

// TestReplace: the file is there whole, a failure leaves the former one, and neither leaves another file.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"first", "", "second"} {
		if err := disk.Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, error %v, want %q", got, err, text)
		}
	}
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "full"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := disk.Replace(folder, []byte("x")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if err := disk.Replace(filepath.Join(dir, "nowhere", "file"), nil); err == nil {
		t.Error("written into a folder that is not there")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left: %v, error %v", entries, err)
	}
}
