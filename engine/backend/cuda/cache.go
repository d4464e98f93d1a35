//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// uncached is why the driver does not keep what it compiles from PTX, in CUDA_CACHE_PATH or ~/.nv/ComputeCache; nil: it
// does. The driver says nothing of it. A folder that is not there yet is made by the driver, where it may be.
// Source: CUDA C++ Programming Guide, environment variables.
func uncached() error {
	if os.Getenv("CUDA_CACHE_DISABLE") == "1" {
		return errors.New("CUDA_CACHE_DISABLE is 1")
	}
	const want = "set CUDA_CACHE_PATH to a folder that can be written"
	folder := os.Getenv("CUDA_CACHE_PATH")
	if folder == "" {
		home := os.Getenv("HOME")
		if home == "" {
			return fmt.Errorf("there is neither CUDA_CACHE_PATH nor HOME: %s", want)
		}
		folder = filepath.Join(home, ".nv", "ComputeCache")
	}
	const write = 2 // W_OK of access(2)
	for at := folder; ; at = filepath.Dir(at) {
		err := syscall.Access(at, write)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at):
			return fmt.Errorf("%s cannot be written (%w): %s", folder, err, want)
		}
	}
}
