package wire_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/internal/wire"
)

func TestReadFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	if _, err := wire.ReadFile(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of none: %v", err)
	}
	if err := os.WriteFile(path, []byte("abc"), 0o666); err != nil {
		t.Fatal(err)
	}
	if b, err := wire.ReadFile(path); err != nil || string(b) != "abc" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := wire.ReadFile(folder); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("folder: %v", err)
	}
	for size, want := range map[int64]string{0: "an empty file", wire.MaxFile + 1: "and protobuf allows 2147483647"} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if _, err := wire.ReadFile(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %s", size, err, want)
		}
	}
}
