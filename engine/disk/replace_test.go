package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"duet/engine/disk"
	"duet/engine/disk/powercut"
)

// TestReplace: the file is there whole, a failure leaves the former one, and neither leaves another file.
func TestReplace(t *testing.T) {
	dir, cut := t.TempDir(), powercut.Watch(t)
	path := filepath.Join(dir, "file")
	for _, text := range []string{"first", "", "second"} {
		if err := disk.Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, error %v, want %q", got, err, text)
		}
		cut.Has(dir, path)
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

// TestMakeFolder: the folders are there, also after a power cut, and a file in their way is an error.
func TestMakeFolder(t *testing.T) {
	dir, cut := t.TempDir(), powercut.Watch(t)
	for _, path := range []string{"a", "b/c/d", "b/c/e", "b"} {
		path = filepath.Join(dir, filepath.FromSlash(path))
		for range 2 {
			if err := disk.MakeFolder(path); err != nil {
				t.Fatal(err)
			}
			cut.Has(dir, path)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := disk.MakeFolder(path); err == nil {
			t.Errorf("%s was made, where a file is", path)
		}
	}
}
