package checkpoint_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"duet/engine/checkpoint"
)

// Some tests need a process that can be killed or limited. They start this test binary again with these variables.
const (
	childRole   = "DUET_CHECKPOINT_CHILD"
	childFolder = "DUET_CHECKPOINT_FOLDER"
)

func TestMain(m *testing.M) {
	var err error
	switch folder := os.Getenv(childFolder); os.Getenv(childRole) {
	case "":
		os.Exit(m.Run())
	case "save":
		err = saveForever(folder)
	case "full":
		err = saveWithLimit(filepath.Join(folder, "c.safetensors"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t *testing.T, role, folder string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childRole+"="+role, childFolder+"="+folder)
	cmd.Stderr = os.Stderr
	return cmd
}

// big is a checkpoint whose numbers all tell its step.
func big(step uint64) *checkpoint.File {
	data := make([]float32, 1<<19)
	for i := range data {
		data[i] = float32(step)
	}
	return &checkpoint.File{
		Meta:    checkpoint.Meta{Step: step},
		Tensors: []checkpoint.Tensor{{Name: "w", Shape: []int{len(data)}, Data: data}},
	}
}

// saveForever resumes from the newest checkpoint and saves until it is killed. It says when it begins.
func saveForever(folder string) error {
	s, err := checkpoint.OpenStore(folder, 2)
	if err != nil {
		return err
	}
	var step uint64
	if f, _, _, err := s.Latest(); err == nil {
		step = f.Meta.Step
	} else if !errors.Is(err, checkpoint.ErrNone) {
		return err
	}
	fmt.Println("saving")
	for {
		step++
		if err := s.Save(big(step), step%3 == 0); err != nil {
			return err
		}
	}
}

// TestKill kills a process with SIGKILL while it saves. Whatever is on disk then must load, and no step may be lost.
func TestKill(t *testing.T) {
	folder := t.TempDir()
	var last uint64
	halfWritten := 0
	for round := range 10 {
		cmd := child(t, "save", folder)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("child said %q, %v", line, err)
		}
		time.Sleep(time.Duration(rand.IntN(60_000)) * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()

		names, err := filepath.Glob(filepath.Join(folder, "*.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f, err := checkpoint.Load(name)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if data := f.Tensors[0].Data; len(data) != 1<<19 ||
				slices.ContainsFunc(data, func(x float32) bool { return x != float32(f.Meta.Step) }) {
				t.Fatalf("round %d: %s has numbers of another step", round, name)
			}
		}
		halfWritten += countTemps(t, folder)
		s, err := checkpoint.OpenStore(folder, 2)
		if err != nil {
			t.Fatal(err)
		}
		if n := countTemps(t, folder); n != 0 {
			t.Errorf("round %d: %d temporary files after OpenStore", round, n)
		}
		f, _, skipped, err := s.Latest()
		if errors.Is(err, checkpoint.ErrNone) && last == 0 {
			continue // killed before the first was done
		}
		if err != nil || len(skipped) != 0 || f.Meta.Step < last {
			t.Fatalf("round %d: Latest: %v, %v after step %d", round, skipped, err, last)
		}
		last = f.Meta.Step
	}
	t.Logf("%d steps were saved, %d of 10 kills left a temporary file", last, halfWritten)
}

func countTemps(t *testing.T, folder string) int {
	t.Helper()
	temps, err := filepath.Glob(filepath.Join(folder, ".*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(temps)
}

// saveWithLimit saves over a checkpoint in a process whose files may not grow beyond half of what that needs: writing
// then fails as it does on a full disk.
func saveWithLimit(path string) error {
	signal.Ignore(syscall.SIGXFSZ) // so that the write fails rather than the process
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	err := checkpoint.Save(path, big(2))
	if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), path) {
		return fmt.Errorf("save beyond the limit: %v, want EFBIG with the path", err)
	}
	return nil
}

func TestFullDisk(t *testing.T) {
	path := save(t, sample(1))
	if err := child(t, "full", filepath.Dir(path)).Run(); err != nil {
		t.Error(err)
	}
	checkRefused(t, path, fmt.Errorf("%s", path), "")
}
