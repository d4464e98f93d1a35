package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/internal/disk"
	"duet/internal/disk/powercut"
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

// TestReplaceByFails: when what is to be written cannot be, the former file stays, with nothing beside it, and the
// error is
// its cause.
func TestReplaceByFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := disk.Replace(path, []byte("former")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	err := disk.ReplaceBy(path, func(f *os.File) error {
		_, err := f.WriteString("half of")
		return errors.Join(err, full)
	})
	got, readErr := os.ReadFile(path)
	entries, dirErr := os.ReadDir(dir)
	if !errors.Is(err, full) || string(got) != "former" || len(entries) != 1 || readErr != nil || dirErr != nil {
		t.Errorf("error %v, want %v; the file is %q, in a folder of %v", err, full, got, entries)
	}
	if err := disk.Replace(path, nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestObserve: each event is told once, after it has happened, until it is stopped; what fails is not told.
func TestObserve(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	var told []disk.Event
	stop := disk.Observe(func(e disk.Event) { told = append(told, e) })
	if err := disk.Replace(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"sync": disk.Sync(f), "rename": disk.Rename(path+"x", path),
		"sync of a folder": disk.SyncFolder(path + "x")} {
		if err == nil {
			t.Errorf("%s of nothing: no error", what)
		}
	}
	want := []disk.Event{{Kind: disk.Synced, Path: path + disk.Fresh}, {Kind: disk.Renamed, Path: path},
		{Kind: disk.FolderSynced, Path: dir}}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	stop()
	if err := disk.SyncFolder(dir); err != nil || len(told) != len(want) {
		t.Errorf("error %v; told %v after it was stopped", err, told)
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
	told := 0
	stop := disk.Observe(func(disk.Event) { told++ })
	if err := disk.MakeFolder(dir); err != nil || told > 0 {
		t.Errorf("a folder that is there: %v, %d times synced", err, told)
	}
	stop()
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
