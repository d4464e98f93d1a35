package powercut_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/internal/disk"
	"duet/internal/disk/powercut"
)

// heard is a test that goes on after its errors, and keeps them.
type heard struct {
	testing.TB
	errors []string
}

func (h *heard) Errorf(format string, args ...any) { h.errors = append(h.errors, format) }
func (h *heard) Error(args ...any)                 { h.errors = append(h.errors, "error") }
func (h *heard) Helper()                           {}

// TestNotices: each thing that a program may leave out, or do too early, is an error, and doing all of it is none.
func TestNotices(t *testing.T) {
	for _, c := range []struct {
		steps string // write, sync, rename, folder; rewrite writes without a sync
		want  string // among the errors; "" none
	}{
		{"write sync rename folder", ""},
		{"write sync rename folder write sync rename folder", ""},
		{"write rename folder", "was never synced"},
		{"write rename sync folder", "was never synced"},
		{"write sync rewrite rename folder", "was written to after"},
		{"write sync rename", "its folder was not synced"},
		{"folder write sync rename", "its folder was not synced"},
		{"write folder sync rename", "its folder was not synced"},
		{"write sync rename folder write sync rename", "its folder was not synced"},
		{"write sync rename folder rewrite", "was written to after"},
	} {
		t.Run(c.steps, func(t *testing.T) {
			dir := t.TempDir()
			h := &heard{TB: t}
			cut := powercut.Watch(h)
			name, fresh := filepath.Join(dir, "file"), filepath.Join(dir, "fresh")
			at := fresh
			for _, step := range strings.Fields(c.steps) {
				var err error
				switch step {
				case "write":
					at = fresh
					err = os.WriteFile(at, []byte("content"), 0o666)
				case "rewrite":
					err = os.WriteFile(at, []byte("another"), 0o666)
				case "sync":
					var f *os.File
					if f, err = os.Open(at); err == nil {
						err = disk.Sync(f)
						f.Close()
					}
				case "rename":
					at = name
					err = disk.Rename(fresh, name)
				case "folder":
					err = disk.SyncFolder(dir)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			cut.Has(dir, name)
			if all := strings.Join(h.errors, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Errorf("errors %q, want %q", all, c.want)
			}
		})
	}
}
