package metrics_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"duet/engine/metrics"
)

// childFolder, where it is set, makes this test binary the child of TestFullDisk.
const childFolder = "DUET_METRICS_FOLDER"

func TestMain(m *testing.M) {
	folder := os.Getenv(childFolder)
	if folder == "" {
		os.Exit(m.Run())
	}
	if err := writeWithLimit(filepath.Join(folder, "metrics.jsonl")); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// TestFullDisk needs a process of its own, because the limit on the size of files is one on all files of a process.
func TestFullDisk(t *testing.T) {
	exe, err := os.Executable()
	check(t, err)
	cmd := exec.Command(exe)
	cmd.Env, cmd.Stderr = append(os.Environ(), childFolder+"="+t.TempDir()), os.Stderr
	check(t, cmd.Run())
}

// writeWithLimit writes to a file that may not grow beyond some lines and a half, which fails as on a full disk, and
// once more when there is room again.
func writeWithLimit(path string) error {
	signal.Ignore(syscall.SIGXFSZ) // so that the write fails rather than the process
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	m, err := metrics.OpenJSONL(path, 0, 0)
	if err != nil {
		return err
	}
	const lines = 20
	for i := range uint64(lines) {
		if err := m.WriteStep(step(i)); err != nil {
			return err
		}
	}
	full := limit
	full.Cur = 1000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	if err := m.Flush(); !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), path) ||
		strings.Contains(err.Error(), "\n") {
		return fmt.Errorf("flush beyond the limit: %v, want one line with EFBIG and the path", err)
	}
	steps, _, err := metrics.Read(path)
	if err != nil || len(steps) == 0 || len(steps) >= lines {
		return fmt.Errorf("beyond the limit: %d steps, %v", len(steps), err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := m.Close(); err != nil {
		return err
	}
	steps, _, err = metrics.Read(path)
	if err != nil || len(steps) != lines || steps[lines-1] != step(lines-1) {
		return fmt.Errorf("with room again: %d steps, %v, want %d", len(steps), err, lines)
	}
	return nil
}
