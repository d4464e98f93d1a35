//go:build turbo && cgo

package picture_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"duet/dataloader/picture"
)

// TestNoMemory: a picture that there is no memory for is not taken for a damaged one. The test runs itself in a process
// of its own, which may only grow by 64 MiB; libjpeg-turbo wants 375.
func TestNoMemory(t *testing.T) {
	const child = "DUET_TEST_NO_MEMORY"
	data := flatJPEG{width: 7900, height: 7900, values: []uint8{150, 90, 160}, progressive: true}.encode()
	if os.Getenv(child) == "" {
		if _, _, err := decode(t, data, picture.Options{Size: 32}); err != nil {
			t.Fatalf("with memory: %v", err)
		}
		c := exec.Command(os.Args[0], "-test.run=^TestNoMemory$")
		c.Env = append(os.Environ(), child+"=1")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	statm, err := os.ReadFile("/proc/self/statm")
	check(t, err)
	var pages uint64
	_, err = fmt.Sscan(string(statm), &pages)
	check(t, err)
	most := pages*uint64(os.Getpagesize()) + 64<<20
	check(t, syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: most, Max: most}))
	d, err := picture.New(picture.Options{Size: 32})
	check(t, err)
	defer d.Close()
	if _, err := d.Decode(make([]byte, 32*32*3), data); !errors.Is(err, picture.ErrMemory) {
		t.Errorf("error %v, want %v", err, picture.ErrMemory)
	}
}
