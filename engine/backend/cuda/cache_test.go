//go:build gpu

package cuda

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/engine/backend"
)

// TestCacheFolder: that the driver cannot keep what it compiles is said once, with the folder and what to do.
func TestCacheFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ folder, home, disable, want string }{
		{folder: t.TempDir()},
		{folder: filepath.Join(t.TempDir(), "not", "there", "yet")},
		{home: t.TempDir()},
		{folder: filepath.Join(file, "cache"), want: filepath.Join(file, "cache") + " cannot be written (not a directory)"},
		{home: file, want: filepath.Join(file, ".nv", "ComputeCache") + " cannot be written"},
		{want: "neither CUDA_CACHE_PATH nor HOME"},
		{folder: t.TempDir(), disable: "1", want: "CUDA_CACHE_DISABLE is 1"},
	} {
		t.Setenv("CUDA_CACHE_PATH", c.folder)
		t.Setenv("HOME", c.home)
		t.Setenv("CUDA_CACHE_DISABLE", c.disable)
		var said []string
		d := opened(t, backend.Options{Log: func(line string) { said = append(said, line) }})
		for _, features := range []int{3, 5} {
			if _, err := d.Prepare(linearRequest(t, d, 4, 6, features)); err != nil {
				t.Fatal(err)
			}
		}
		if c.want == "" && len(said) == 0 {
			continue
		}
		if len(said) != 1 || c.want == "" || !strings.Contains(said[0], c.want) {
			t.Errorf("%+v: said %q", c, said)
		}
	}
}
