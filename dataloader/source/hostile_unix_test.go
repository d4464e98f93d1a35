//go:build unix

package source_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// A file of a folder may be too large, or no file at all.
func TestHostileFolder(t *testing.T) {
	dir := mini.Animals(1).Folder(t)
	f, err := os.Create(filepath.Join(dir, "cats", "huge.png"))
	check(t, err)
	check(t, f.Truncate(300<<20))
	check(t, f.Close())
	check(t, syscall.Mkfifo(filepath.Join(dir, "cats", "pipe.png"), 0o666))
	sameRejected(t, open(t, source.Options{}, dir).Rejected,
		map[string]string{"cats/huge.png": "at most 256 MiB", "cats/pipe.png": "not a regular file"})
	lacks(t, failure(source.Options{}, filepath.Join(dir, "cats", "pipe.png")), "pipe.png",
		"neither a folder nor a regular file")
}
