package train_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"duet/engine/train"
)

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "first")
	f, err := train.CreateFolder(dir, []byte("a = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.Config()); err != nil || string(got) != "a = 1\n" {
		t.Errorf("config.toml: %q, %v", got, err)
	}
	if _, err := train.OpenFolder(dir); !errors.Is(err, train.ErrBusy) {
		t.Errorf("a folder in use: %v, want ErrBusy", err)
	} else {
		wantError(t, err, dir)
	}
	if _, err := train.CreateFolder(dir, nil); !errors.Is(err, train.ErrExists) {
		t.Errorf("an existing folder: %v, want ErrExists", err)
	} else {
		wantError(t, err, dir, "--resume")
	}
	if got, err := os.ReadFile(f.Config()); err != nil || string(got) != "a = 1\n" {
		t.Errorf("config.toml after that: %q, %v", got, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := train.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := train.OpenFolder(dir + "2"); err == nil {
		t.Error("a folder that is not there was opened")
	}
}

// TestNames: the last run of a name is the one with the highest number, and the next one comes after it.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		there      []string
		last, free string
	}{
		{nil, "", "net-001"},
		{[]string{"net-001"}, "net-001", "net-002"},
		{[]string{"net-001", "net-002", "other-003", "net", "net-x", "net-10", "network-004"}, "net-002", "net-003"},
		{[]string{"net-002"}, "net-002", "net-003"},
		{[]string{"net-999", "net-1000"}, "net-1000", "net-1001"},
	} {
		root := t.TempDir()
		for _, name := range c.there {
			if err := os.MkdirAll(filepath.Join(root, name, "checkpoints"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if last, free := train.LastName(root, "net"), train.FreeName(root, "net"); last != c.last || free != c.free {
			t.Errorf("%v: last %q, free %q; want %q, %q", c.there, last, free, c.last, c.free)
		}
	}
	file := filepath.Join(t.TempDir(), "runs")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{file, file + "/below", file + "2"} { // no folder; the error comes when the run is made
		if last, free := train.LastName(root, "net"), train.FreeName(root, "net"); last != "" || free != "net-001" {
			t.Errorf("%s: last %q, free %q", root, last, free)
		}
	}
}

// TestEmptyFolder: a folder that holds nothing of a run, as a process leaves that is killed at once, is taken for a
// new one; it is nobody's last run.
func TestEmptyFolder(t *testing.T) {
	for _, c := range []struct {
		holds []string
		empty bool
	}{
		{nil, true},
		{[]string{".lock"}, true},
		{[]string{".lock", "config.toml.new"}, true},
		{[]string{".lock", "config.toml"}, false},
		{[]string{"checkpoints"}, false},
		{[]string{"metrics.jsonl"}, false},
		{[]string{"notes.txt"}, false},
		{[]string{".hidden"}, false},
	} {
		root := t.TempDir()
		dir := filepath.Join(root, "net-001")
		for _, name := range append([]string{"."}, c.holds...) {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if name == "." {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if last := train.LastName(root, "net"); c.empty != (last == "") {
			t.Errorf("%v: the last run is %q", c.holds, last)
		}
		f, err := train.CreateFolder(dir, []byte("a = 1\n"))
		if c.empty != (err == nil) || err != nil && !errors.Is(err, train.ErrExists) {
			t.Errorf("%v: %v", c.holds, err)
		}
		entries, _ := os.ReadDir(dir)
		if !c.empty && len(entries) != len(c.holds) {
			t.Errorf("%v: left %v", c.holds, entries)
		}
		if err != nil {
			continue
		}
		if got, err := os.ReadFile(f.Config()); err != nil || string(got) != "a = 1\n" || len(entries) != 2 {
			t.Errorf("%v: config.toml %q, %v; beside it %v", c.holds, got, err, entries)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCreateNext: runs that begin together get names of their own.
func TestCreateNext(t *testing.T) {
	root := filepath.Join(t.TempDir(), "runs")
	const together = 16
	var group sync.WaitGroup
	names := make(chan string, together)
	for range together {
		group.Go(func() {
			f, err := train.CreateNext(root, "net", []byte("a = 1\n"))
			if err != nil {
				t.Error(err)
				return
			}
			names <- filepath.Base(f.Dir)
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	close(names)
	seen := map[string]bool{}
	for name := range names {
		seen[name] = true
	}
	if len(seen) != together || train.FreeName(root, "net") != "net-017" {
		t.Errorf("%d names for %d runs: %v", len(seen), together, seen)
	}
	if err := os.WriteFile(root+"2", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := train.CreateNext(root+"2", "net", nil); err == nil {
		t.Error("made in a file")
	}
}

// TestFreeAndResumable: where a run can begin, and where one can be gone on with, both before there is a folder.
func TestFreeAndResumable(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "run")
	for _, c := range []struct {
		name            string
		make            func() error
		free, resumable bool
	}{
		{"nothing there", func() error { return nil }, true, false},
		{"an empty folder", func() error { return os.Mkdir(dir, 0o755) }, true, false},
		{"a run", func() error { return os.WriteFile(filepath.Join(dir, "config.toml"), nil, 0o644) }, false, true},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		if err := train.Free(dir); (err == nil) != c.free || err != nil && !errors.Is(err, train.ErrExists) {
			t.Errorf("%s: free %v", c.name, err)
		}
		if err := train.Resumable(dir); (err == nil) != c.resumable || err != nil && !errors.Is(err, train.ErrNoRun) {
			t.Errorf("%s: resumable %v", c.name, err)
		}
	}
}
