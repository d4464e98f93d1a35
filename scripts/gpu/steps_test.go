package gpu_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script is a folder as the bundle's, with steps.sh and a script of steps, and what runs it.
func script(t *testing.T, steps string, env ...string) (results string, c *exec.Cmd) {
	t.Helper()
	folder := t.TempDir()
	library, err := os.ReadFile("steps.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"steps.sh": string(library),
		"run.sh": `. "$(dirname "$0")/steps.sh"` + "\n" + steps} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	results = filepath.Join(folder, "results")
	c = exec.Command("bash", filepath.Join(folder, "run.sh"), results)
	c.Env = append(os.Environ(), env...)
	return results, c
}

// summary is what the script says of its steps.
func summary(t *testing.T, results string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(results, "run.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// logs reads the tar of the results to its end.
func logs(t *testing.T, results string) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(results, "run.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(h.Name)] = string(text)
	}
}

func TestStepsEnd(t *testing.T) {
	for _, c := range []struct {
		name, steps string
		env         []string
		says        []string // of the summary, in order
		status      int
	}{
		{"well", "step 9 one echo first\nstep 9 two echo second\nfinish", nil,
			[]string{"one ", "ok", "first", "two ", "ok", "second", "0 failed"}, 0},
		{"failing", "step 9 bad sh -c 'echo why; exit 3'\nstep 9 good echo fine\nfinish", nil,
			[]string{"bad ", "status 3", "why", "good ", "ok", "1 failed"}, 1},
		{"hanging", "step 1 stuck sh -c 'echo begun; sleep 60'\nstep 9 good echo fine\nfinish", nil,
			[]string{"stuck ", "over 1 s", "begun", "good ", "ok", "1 failed"}, 1},
		{"out of time", "step 9 late echo no\nfinish", []string{"TOTAL=3"}, []string{"late ", "no time left", "1 failed"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, run := script(t, c.steps, c.env...)
			began := time.Now()
			out, err := run.CombinedOutput()
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
			var exit *exec.ExitError
			if status := 0; err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			} else if exit != nil {
				status = exit.ExitCode()
				if status != c.status {
					t.Errorf("status %d, want %d: %s", status, c.status, out)
				}
			} else if c.status != 0 {
				t.Errorf("status 0, want %d", c.status)
			}
			text := summary(t, results)
			at := 0
			for _, want := range c.says {
				i := strings.Index(text[at:], want)
				if i < 0 {
					t.Fatalf("%q does not follow in\n%s", want, text)
				}
				at += i + len(want)
			}
		})
	}
}

// TestStepsAreKilled ends the script while a step runs: what was done before is there, whole, and nothing goes on.
func TestStepsAreKilled(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			results, run := script(t, "step 9 done echo first\nstep 20 stuck sh -c 'echo $$ >pid; exec sleep 20'\nfinish")
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			pid := filepath.Join(filepath.Dir(results), "pid")
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				if text, err := os.ReadFile(pid); err == nil && len(text) > 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the second step did not begin")
				}
			}
			if err := run.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			run.Wait() // its error is the signal
			if got := logs(t, results)["done.log"]; got != "first\n" {
				t.Errorf("done.log has %q, want %q", got, "first\n")
			}
			if signal != syscall.SIGTERM {
				return // a step ends by its own limit then
			}
			if text := summary(t, results); !strings.Contains(text, "stopped") {
				t.Errorf("the summary does not say that it was stopped:\n%s", text)
			}
			text, err := os.ReadFile(pid)
			if err != nil {
				t.Fatal(err)
			}
			// Who is killed dies when it is next given a processor.
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(text)) + "/stat")
				if err != nil || strings.Contains(string(state), ") Z") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("the step goes on: %s", state)
				}
			}
		})
	}
}
