package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"duet/engine/checkpoint"
)

// running is a duet that a test sends signals to.
type running struct {
	*place
	cmd *exec.Cmd
	out bytes.Buffer

	mu      sync.Mutex
	changed *sync.Cond
	stderr  string
	closed  bool
}

// start starts a command and watches what it says.
func (p *place) start(args ...string) *running {
	p.Helper()
	return p.startCommand(func(*exec.Cmd) {}, args...)
}

// startCommand is start of a command that is changed before.
func (p *place) startCommand(change func(*exec.Cmd), args ...string) *running {
	p.Helper()
	r := &running{place: p, cmd: p.command(args...)}
	change(r.cmd)
	r.changed = sync.NewCond(&r.mu)
	r.cmd.Stdout = &r.out
	errs, err := r.cmd.StderrPipe()
	p.check(err)
	p.check(r.cmd.Start())
	p.Cleanup(func() { r.cmd.Process.Kill() })
	go r.watch(errs)
	return r
}

func (r *running) watch(errs io.Reader) {
	for lines := bufio.NewReader(errs); ; {
		line, err := lines.ReadString('\n')
		r.mu.Lock()
		r.stderr += line
		r.closed = err != nil
		r.mu.Unlock()
		r.changed.Broadcast()
		if err != nil {
			return
		}
	}
}

// says waits until the command has said something, and reports whether it has before it ended.
func (r *running) says(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !strings.Contains(r.stderr, text) && !r.closed {
		r.changed.Wait()
	}
	return strings.Contains(r.stderr, text)
}

func (r *running) signal(s syscall.Signal) {
	r.Helper()
	if err := r.cmd.Process.Signal(s); err != nil && err != os.ErrProcessDone {
		r.Fatal(err)
	}
}

// end waits for the command's end.
func (r *running) end() result {
	r.Helper()
	r.says("\x00") // which it never does: until it has closed stderr
	r.cmd.Wait()   // its error is the exit status
	return result{r.cmd.ProcessState.ExitCode(), r.out.String(), r.stderr}
}

// began is what a run says when it begins to train.
const began = "training run="

// meta is the metadata of a run's newest checkpoint.
func (p *place) meta(run string) checkpoint.Meta {
	p.Helper()
	store, err := checkpoint.OpenStore(p.path("runs", run, "checkpoints"), 3)
	p.check(err)
	f, _, skipped, err := store.Latest()
	if err != nil || len(skipped) > 0 {
		p.Fatalf("%v, %v", skipped, err)
	}
	return f.Meta
}

// interrupted wants the exit status of a signal and the run saved.
func (r *running) interrupted(s syscall.Signal, run string) checkpoint.Meta {
	r.Helper()
	got := r.end()
	m := r.meta(run)
	r.failed(result{got.code, got.stdout, withoutNotice(got.stderr)}, 128+int(s),
		[]string{fmt.Sprintf("interrupted after step %d;", m.Step), "--resume"})
	return m
}

// withoutNotice leaves out the line that the first signal brings at once.
func withoutNotice(stderr string) string {
	var kept strings.Builder
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, "once more to leave at once") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// TestSignalInStep: steps of many images, so that the signal comes while one runs.
func TestSignalInStep(t *testing.T) {
	p := newPlace(t)
	long := sets("train.batch=400", "train.max_steps=4", "train.validate_steps=0")
	p.works(trainArgs("whole", long...)...)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		run := s.String()
		r := p.start(trainArgs(run, long...)...)
		r.says(began)
		r.signal(s)
		if m := r.interrupted(s, run); m.Step > 3 {
			t.Errorf("%v: it had come to step %d", s, m.Step)
		}
		p.works(trainArgs(run, append(long, "--resume")...)...)
		p.same(p.path("runs", "whole", "checkpoints", "step-00000004.safetensors"),
			p.path("runs", run, "checkpoints", "step-00000004.safetensors"))
		p.checkMetrics(run, 4, nil)
	}
}

// TestSignalInValidation: a validation of many views after each small step.
func TestSignalInValidation(t *testing.T) {
	p := newPlace(t)
	long := sets("train.batch=2", "train.max_steps=2", "train.validate_steps=1", "train.views=10",
		"data.generated.val=150")
	p.works(trainArgs("whole", long...)...)
	caught := false
	for i := 0; i < 20 && !caught; i++ {
		run := fmt.Sprint("run", i)
		r := p.start(trainArgs(run, long...)...)
		r.says(began)
		time.Sleep(time.Duration(20+20*i) * time.Millisecond) // somewhere in the first validation, on most machines
		r.signal(syscall.SIGINT)
		if r.end().code == 0 {
			continue // too late
		}
		m := r.interrupted(syscall.SIGINT, run)
		caught = m.Step > 0 && m.Extra["validated"] != fmt.Sprint(m.Step)
		p.works(trainArgs(run, append(long, "--resume")...)...)
		p.same(p.path("runs", "whole", "checkpoints", "step-00000002.safetensors"),
			p.path("runs", run, "checkpoints", "step-00000002.safetensors"))
		p.checkMetrics(run, 2, []float64{1, 2})
	}
	if !caught {
		t.Error("no signal came in a validation")
	}
}

// TestSignalInCheckpoint: a large layer, so that writing takes a while; the signal comes when the temporary file is
// there.
func TestSignalInCheckpoint(t *testing.T) {
	p := newPlace(t)
	large := sets("train.batch=1", "train.max_steps=6", "train.checkpoint_steps=1", "train.keep=1",
		"train.validate_steps=0", "network.layers.fc4.features=8000")
	p.works(trainArgs("whole", large...)...)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		run := s.String()
		r := p.start(trainArgs(run, large...)...)
		r.says(began)
		for !r.ended() {
			if files, _ := filepath.Glob(p.path("runs", run, "checkpoints", ".*")); len(files) > 0 {
				break
			}
		}
		r.signal(s)
		if m := r.interrupted(s, run); m.Step == 6 {
			t.Logf("%v: it had come to the end", s)
		}
		if files, _ := filepath.Glob(p.path("runs", run, "checkpoints", ".*")); len(files) > 0 {
			t.Errorf("left behind: %v", files)
		}
		p.works(trainArgs(run, append(large, "--resume")...)...)
		p.same(p.path("runs", "whole", "checkpoints", "step-00000006.safetensors"),
			p.path("runs", run, "checkpoints", "step-00000006.safetensors"))
	}
}

func (r *running) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// TestSecondSignal leaves at once: in the middle of a step that takes longer than anybody waits.
func TestSecondSignal(t *testing.T) {
	p := newPlace(t)
	r := p.start(trainArgs("run", sets("train.batch=20000")...)...)
	r.says(began)
	r.signal(syscall.SIGTERM)
	r.says("once more to leave at once")
	r.signal(syscall.SIGINT)
	if got := r.end(); got.code != 130 || strings.Contains(got.stderr, "interrupted after") {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
}

// TestSignalElsewhere: other commands end too, and leave nothing half-made.
func TestSignalElsewhere(t *testing.T) {
	p := newPlace(t)
	for _, args := range [][]string{
		{"bench", "smoke", "--steps", "1000000", "--devices", "reference:0"},
		trainArgs("run", sets("data.generated.train=60000", "data.generated.size=80")...), // drawing the images
	} {
		r := p.start(args...)
		r.says("ing") // its progress: it has begun
		r.signal(syscall.SIGINT)
		if got := r.end(); got.code != 130 || strings.Contains(got.stderr, "goroutine") {
			t.Errorf("duet %v: exit %d: %s", args, got.code, got.stderr)
		}
	}
	if _, err := os.Stat(p.path("runs")); err == nil {
		t.Error("a folder of runs is left")
	}
	if files, _ := filepath.Glob(p.path("data", "*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// TestKill kills runs three times at random moments.
func TestKill(t *testing.T) {
	killed(t, 3, 60, 200*time.Millisecond)
}

// TestKillFeatures kills runs that learn from cached features, and while these are computed.
func TestKillFeatures(t *testing.T) {
	killed(t, 4, 60, 100*time.Millisecond, "train.cache_features=true", "network.layers.conv1.frozen=true",
		"network.layers.conv2.frozen=true", "data.random_crop=false", "train.ema=0.9")
}

// killed trains for some steps and kills that with SIGKILL at random moments, each at most so long after training
// begins. The end is the same as that of a run that nobody kills.
func killed(t *testing.T, kills, steps int, within time.Duration, more ...string) {
	p := newPlace(t)
	args := append(sets(more...), sets(fmt.Sprintf("train.max_steps=%d", steps), "train.checkpoint_steps=7",
		"train.validate_steps=10", "train.keep=2", "train.schedule.type=plateau",
		"train.schedule.at_epochs=[]", "train.schedule.gamma=0.5", "train.schedule.patience=2",
		"train.schedule.threshold=0.1", "train.schedule.drops=50")...)
	p.works(trainArgs("whole", args...)...)
	hits := 0
	for resume := []string(nil); hits < kills; resume = []string{"--resume"} {
		r := p.start(trainArgs("run", slices.Concat(args, resume)...)...)
		if !r.says("run=") {
			t.Fatalf("it did not begin: %s", r.end().stderr)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(within))))
		r.signal(syscall.SIGKILL)
		if r.end().code == 0 {
			break // it was faster
		}
		hits++
	}
	if hits == 0 {
		t.Error("nothing was killed")
	}
	t.Logf("%d kills; resumed from step %d", hits, p.steps("run"))
	p.works("train", "--run", "run", "--resume")
	last := fmt.Sprintf("step-%08d.safetensors", steps)
	p.same(p.path("runs", "whole", "checkpoints", last), p.path("runs", "run", "checkpoints", last))
	p.same(p.path("runs", "whole", "checkpoints", "best.safetensors"),
		p.path("runs", "run", "checkpoints", "best.safetensors"))
	var validations []float64
	for v := 10; v <= steps; v += 10 {
		validations = append(validations, float64(v))
	}
	p.checkMetrics("run", steps, validations)
	whole := p.metrics("whole")
	for i, l := range p.metrics("run") {
		if l["loss"] != whole[i]["loss"] || l["val_loss"] != whole[i]["val_loss"] ||
			l["learning_rate"] != whole[i]["learning_rate"] {
			t.Errorf("%v, in a run that is not killed %v", l, whole[i])
		}
	}
}

// steps are how many the newest checkpoint of a run has done, 0 without one.
func (p *place) steps(run string) uint64 {
	store, err := checkpoint.OpenStore(p.path("runs", run, "checkpoints"), 3)
	p.check(err)
	steps, err := store.Steps()
	if err != nil || len(steps) == 0 {
		return 0
	}
	return steps[len(steps)-1]
}

// TestFullDisk limits the size of files, beyond which writing fails as on a full disk.
func TestFullDisk(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run", sets("train.max_steps=6")...)...)
	exe, err := os.Executable()
	p.check(err)
	limited := func(bytes string, args ...string) result {
		cmd := p.command(args...)
		cmd.Path, cmd.Args = exe, append([]string{exe, program}, args...)
		cmd.Env = append(os.Environ(), limitFiles+"="+bytes)
		return p.run(cmd)
	}
	resume := trainArgs("run", "--resume")
	p.failed(limited("65536", resume...), exitFailed, []string{"checkpoint", "step-00000009", "file too large"})
	if m := p.meta("run"); m.Step != 6 {
		t.Errorf("the newest checkpoint is of step %d, want 6", m.Step)
	}
	p.works("eval", p.path("runs", "run", "checkpoints", "step-00000006.safetensors"))
	if files, _ := filepath.Glob(p.path("runs", "run", "checkpoints", ".*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	p.works(resume...)
	p.checkMetrics("run", 12, []float64{4, 6, 8, 12})

	// Neither a set that does not fit nor a run that cannot even say its configuration is left half-written.
	p.failed(limited("65536", "prepare", "generated", "packed"), exitFailed, []string{"packed", "file too large"})
	p.failed(limited("100", trainArgs("other")...), exitFailed, []string{"other", "file too large"})
	for _, left := range []string{"packed", "packed.partial", "runs/other"} {
		if _, err := os.Lstat(p.path(left)); err == nil {
			t.Errorf("left behind: %s", left)
		}
	}
}
