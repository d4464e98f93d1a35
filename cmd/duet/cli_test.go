package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is the duet that the tests run, built in pure Go, as a user would.
var program string

// limitFiles, in the environment, makes this test binary a launcher: it limits the size of files to so many bytes and
// becomes the program.
const limitFiles = "DUET_TEST_LIMIT_FILES"

func TestMain(m *testing.M) {
	if bytes := os.Getenv(limitFiles); bytes != "" {
		fmt.Fprintln(os.Stderr, "launcher:", launch(bytes))
		os.Exit(99)
	}
	// What is ignored when a program starts stays so in those that it starts, as under nohup; what is caught is not.
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	os.Exit(testMain(m))
}

func launch(bytes string) error {
	n, err := strconv.ParseUint(bytes, 10, 64)
	if err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
		return err
	}
	return syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "duet-cli-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "duet")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// patience is how long a command may take, on a machine that is busy with other things.
const patience = 2 * time.Minute

// place is a folder in which commands run.
type place struct {
	*testing.T
	dir string
}

func newPlace(t *testing.T) *place { return &place{t, t.TempDir()} }

func (p *place) path(elem ...string) string {
	return filepath.Join(append([]string{p.dir}, elem...)...)
}

// result is what a command came to.
type result struct {
	code           int // -1 when a signal ended it
	stdout, stderr string
}

// command makes a command that is killed when the test's patience ends.
func (p *place) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = p.dir
	return cmd
}

func (p *place) duet(args ...string) result {
	p.Helper()
	return p.run(p.command(args...))
}

func (p *place) run(cmd *exec.Cmd) result {
	p.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		p.Fatalf("%v: %v", cmd.Args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// works runs a command that must succeed.
func (p *place) works(args ...string) result {
	p.Helper()
	r := p.duet(args...)
	if r.code != 0 {
		p.Fatalf("duet %v: exit %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r
}

// refused runs a command that must fail with one line that says some words.
func (p *place) refused(code int, words []string, args ...string) {
	p.Helper()
	p.failed(p.duet(args...), code, words)
}

func (p *place) failed(r result, code int, words []string) {
	p.Helper()
	var said []string
	for line := range strings.Lines(r.stderr) {
		if strings.HasPrefix(line, "duet: ") {
			said = append(said, line)
		} else if strings.Contains(line, "goroutine ") || strings.HasPrefix(line, "panic") {
			p.Fatalf("a panic: %s", r.stderr)
		}
	}
	if r.code != code || len(said) != 1 {
		p.Fatalf("exit %d and %d lines of error, want %d and one:\n%s", r.code, len(said), code, r.stderr)
	}
	after := r.stderr[strings.Index(r.stderr, said[0])+len(said[0]):]
	if after != "" && !(strings.HasPrefix(after, "usage: ") && strings.Count(after, "\n") == 1) {
		p.Errorf("after the error: %q", after)
	}
	for _, w := range words {
		if !strings.Contains(said[0], w) {
			p.Errorf("%q does not say %q", said[0], w)
		}
	}
}

// holds lists what is in the folder, without hidden files' own content.
func (p *place) holds() []string {
	p.Helper()
	entries, err := os.ReadDir(p.dir)
	p.check(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (p *place) check(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *place) read(elem ...string) []byte {
	p.Helper()
	data, err := os.ReadFile(p.path(elem...))
	p.check(err)
	return data
}

func (p *place) write(data []byte, elem ...string) {
	p.Helper()
	p.check(os.MkdirAll(filepath.Dir(p.path(elem...)), 0o755))
	p.check(os.WriteFile(p.path(elem...), data, 0o644))
}

// object reads JSON output.
func (p *place) object(r result, into any) {
	p.Helper()
	d := json.NewDecoder(strings.NewReader(r.stdout))
	if err := d.Decode(into); err != nil {
		p.Fatalf("%v in %q", err, r.stdout)
	}
	if d.More() {
		p.Errorf("more than one value: %q", r.stdout)
	}
}

// fields wants numbers, texts and lists under names.
func (p *place) fields(object map[string]any, names ...string) {
	p.Helper()
	for _, n := range names {
		if v, ok := object[n]; !ok || v == nil {
			p.Errorf("no field %s in %v", n, object)
		}
	}
}

// tiny are arguments that make the smoke preset tiny: 12 steps of 16 images, a validation every 4, a checkpoint every
// 3.
func tiny(more ...string) []string {
	return append(sets("data.generated.train=64", "data.generated.val=24", "train.epochs=0", "train.max_steps=12",
		"train.validate_epochs=0", "train.validate_steps=4", "train.checkpoint_epochs=0", "train.checkpoint_steps=3",
		"train.schedule.at_epochs=[2]"), more...)
}

func sets(keys ...string) (args []string) {
	for _, k := range keys {
		args = append(args, "--set", k)
	}
	return args
}

// train is "train smoke --run NAME", tiny.
func trainArgs(name string, more ...string) []string {
	return slices.Concat([]string{"train", "smoke", "--run", name}, tiny(more...))
}

// last is the checkpoint after the twelfth step.
func (p *place) last(run string) string {
	return p.path("runs", run, "checkpoints", "step-00000012.safetensors")
}

func (p *place) same(a, b string) {
	p.Helper()
	x, err := os.ReadFile(a)
	p.check(err)
	y, err := os.ReadFile(b)
	p.check(err)
	if !bytes.Equal(x, y) {
		p.Errorf("%s and %s differ", a, b)
	}
}
