package worker

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"duet/engine/backend"
)

var errBroken = errors.New("broken on purpose")

// limit ends a test that hangs.
const limit = 10 * time.Second

func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("still not done after %v", limit)
	}
}

// kernel runs a function.
type kernel struct{ run func() error }

func (kernel) Out() []backend.Layout                       { return nil }
func (kernel) Scratch() int64                              { return 0 }
func (kernel) InPlace() int                                { return -1 }
func (kernel) String() string                              { return "test" }
func (kernel) On() *Host                                   { return nil }
func (k kernel) Bind(_, _ [][]byte, _ []byte) (Job, error) { return Func(k.run), nil }

func launch(label string, run func() error) backend.Command {
	return backend.Command{Kind: backend.Launch, Label: label, Kernel: kernel{run}}
}

// data is host memory.
type data []byte

func (d data) Bytes() int64 { return int64(len(d)) }

func bytesOf(b backend.Buffer) ([]byte, error) {
	if b.Memory == nil {
		return nil, nil
	}
	d, ok := b.Memory.(data)
	if !ok || b.Offset+b.Bytes > d.Bytes() {
		return nil, fmt.Errorf("%d bytes at %d", b.Bytes, b.Offset)
	}
	return d[b.Offset : b.Offset+b.Bytes], nil
}

func mustLoad(t testing.TB, w *Worker, commands ...backend.Command) *Program {
	t.Helper()
	p, err := Load(w, commands, backend.LoadOptions{}, bytesOf)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestJobsRunInOrderOnOneThread(t *testing.T) {
	var got []int // without a lock: the race detector would see a second goroutine
	w := New(func() { got = append(got, -1) })
	for i := range 100 {
		w.Start(Func(func() error { got = append(got, i); return nil }))
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != i-1 {
			t.Fatalf("job %d is %d: %v", i, v, got)
		}
	}
	if len(got) != 101 {
		t.Errorf("%d jobs ran, want 101", len(got))
	}
	w.Close()
}

func TestFirstErrorSticks(t *testing.T) {
	w := New(nil)
	defer w.Close()
	ran := false
	w.Start(Func(func() error { return errBroken }))
	w.Start(Func(func() error { return errors.New("second") }))
	w.Start(Func(func() error { ran = true; return nil }))
	for range 2 {
		if err := w.Sync(); !errors.Is(err, errBroken) {
			t.Errorf("sync: %v, want %v", err, errBroken)
		}
	}
	if !ran {
		t.Error("a job after the failure did not run")
	}
	if err := w.Do(func() error { return nil }); !errors.Is(err, errBroken) {
		t.Errorf("do after a failure: %v", err)
	}
}

func TestErrorOfDoDoesNotStick(t *testing.T) {
	w := New(nil)
	defer w.Close()
	if err := w.Do(func() error { return errBroken }); !errors.Is(err, errBroken) {
		t.Errorf("do: %v", err)
	}
	if err := w.Sync(); err != nil {
		t.Errorf("sync: %v", err)
	}
}

func TestClose(t *testing.T) {
	w := New(nil)
	ran := 0
	for range 10 {
		w.Start(Func(func() error { time.Sleep(time.Millisecond); ran++; return nil }))
	}
	w.Close()
	if ran != 10 {
		t.Errorf("close waited for %d of 10 jobs", ran)
	}
	w.Start(Func(func() error { t.Error("a job ran after close"); return nil }))
	if err := w.Sync(); !errors.Is(err, ErrClosed) {
		t.Errorf("sync after close: %v", err)
	}
	if err := w.Do(func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("do after close: %v", err)
	}
	w.Close()
}

// TestEventsBetweenWorkers lets two workers take turns a thousand times.
func TestEventsBetweenWorkers(t *testing.T) {
	a, b := New(nil), New(nil)
	defer a.Close()
	defer b.Close()
	ping, pong := NewEvent("ping"), NewEvent("pong")
	turn := 0 // without a lock: the events order its uses
	step := func(from, to int) func() error {
		return func() error {
			if turn != from {
				return fmt.Errorf("turn is %d, want %d", turn, from)
			}
			turn = to
			return nil
		}
	}
	first := mustLoad(t, a, launch("first", step(0, 1)), signal(ping), wait(pong), launch("last", step(2, 0)))
	second := mustLoad(t, b, wait(ping), launch("second", step(1, 2)), signal(pong))
	within(t, func() {
		for i := range 1000 {
			if i%3 == 0 {
				second.Start()
				first.Start()
			} else {
				first.Start()
				second.Start()
			}
		}
		if errA, errB := a.Sync(), b.Sync(); errA != nil || errB != nil {
			t.Errorf("%v, %v", errA, errB)
		}
	})
}

func signal(e *Event) backend.Command {
	return backend.Command{Kind: backend.Signal, Label: "signal " + e.String(), Event: e}
}

func wait(e *Event) backend.Command {
	return backend.Command{Kind: backend.Wait, Label: "wait for " + e.String(), Event: e}
}

// TestTwoWaitsOfOneEvent: each wait counts the signals for itself, in one program and in several.
func TestTwoWaitsOfOneEvent(t *testing.T) {
	a, b := New(nil), New(nil)
	defer a.Close()
	defer b.Close()
	e := NewEvent("e")
	var done atomic.Int64
	count := launch("count", func() error { done.Add(1); return nil })
	signals := mustLoad(t, a, signal(e))
	twice := mustLoad(t, b, wait(e), count, wait(e), count)
	again := mustLoad(t, b, wait(e), count)
	within(t, func() {
		for range 20 {
			twice.Start()
			again.Start()
			signals.Start()
		}
		if err := b.Sync(); err != nil {
			t.Error(err)
		}
	})
	if done.Load() != 60 {
		t.Errorf("%d commands ran, want 60", done.Load())
	}
}

func TestFailureReleasesWaiters(t *testing.T) {
	a, b, c := New(nil), New(nil), New(nil)
	defer a.Close()
	defer b.Close()
	defer c.Close()
	first, second := NewEvent("first"), NewEvent("second")
	fails := 0
	broken := mustLoad(t, a, launch("conv1.conv2d", func() error {
		if fails++; fails == 3 {
			return errBroken
		}
		return nil
	}), signal(first))
	relay := mustLoad(t, b, wait(first), signal(second))
	last := mustLoad(t, c, wait(second))
	within(t, func() {
		for range 5 {
			last.Start()
			relay.Start()
			broken.Start()
		}
		for i, w := range []*Worker{a, b, c} {
			err := w.Sync()
			if !errors.Is(err, errBroken) {
				t.Errorf("worker %d: %v, want %v", i, err, errBroken)
			} else if !strings.Contains(err.Error(), "conv1.conv2d: ") {
				t.Errorf("worker %d: %q does not say where", i, err)
			}
		}
	})
}

func TestCopyAndTimes(t *testing.T) {
	w := New(nil)
	defer w.Close()
	src, dst := data("0123456789"), make(data, 10)
	commands := []backend.Command{
		{Kind: backend.Copy, Src: backend.Buffer{Memory: src, Offset: 2, Bytes: 3},
			Dst: backend.Buffer{Memory: dst, Offset: 5, Bytes: 3}},
		launch("sleep", func() error { time.Sleep(2 * time.Millisecond); return nil }),
	}
	p, err := Load(w, commands, backend.LoadOptions{Profile: true}, bytesOf)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	if string(dst[5:8]) != "234" {
		t.Errorf("copied %q", dst)
	}
	if times := p.Times(); len(times) != 2 || times[1] < 2*time.Millisecond || times[1] > limit || times[0] > limit {
		t.Errorf("times %v, want the second at least 2ms", times)
	}
}

func TestLoadRefuses(t *testing.T) {
	w := New(nil)
	defer w.Close()
	memory := make(data, 8)
	for what, c := range map[string]backend.Command{
		"kernel": {Kind: backend.Launch},
		"event":  {Kind: backend.Signal},
		"copy of": {Kind: backend.Copy, Src: backend.Buffer{Memory: memory, Bytes: 4},
			Dst: backend.Buffer{Memory: memory, Bytes: 8}},
		"bytes":   {Kind: backend.Launch, Kernel: kernel{}, In: []backend.Buffer{{Memory: memory, Offset: 4, Bytes: 8}}},
		"5 bytes": {Kind: backend.Launch, Kernel: kernel{}, Out: []backend.Buffer{{Memory: memory, Offset: 4, Bytes: 5}}},
		"6 bytes": {Kind: backend.Launch, Kernel: kernel{}, Scratch: backend.Buffer{Memory: memory, Offset: 4, Bytes: 6}},
		"7 bytes": {Kind: backend.Copy, Src: backend.Buffer{Memory: memory, Offset: 4, Bytes: 7},
			Dst: backend.Buffer{Memory: memory, Bytes: 7}},
		"3 bytes": {Kind: backend.Copy, Src: backend.Buffer{Memory: memory, Bytes: 3}, Dst: backend.Buffer{Memory: memory,
			Offset: 6, Bytes: 3}},
		"9 bytes": {Kind: backend.Copy, Src: backend.Buffer{Memory: memory, Bytes: 9},
			Dst: backend.Buffer{Memory: memory, Bytes: 9}},
	} {
		c.Label = "fc6"
		_, err := Load(w, []backend.Command{c}, backend.LoadOptions{}, bytesOf)
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "command 0, fc6") {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

func TestStartDoesNotAllocate(t *testing.T) {
	a, b := New(nil), New(nil)
	defer a.Close()
	defer b.Close()
	there, back := NewEvent("there"), NewEvent("back")
	src, dst := make(data, 64), make(data, 64)
	move := backend.Command{Kind: backend.Copy, Src: backend.Buffer{Memory: src, Bytes: 64},
		Dst: backend.Buffer{Memory: dst, Bytes: 64}}
	idle := launch("idle", func() error { return nil })
	first := mustLoad(t, a, idle, signal(there), wait(back), move)
	second := mustLoad(t, b, wait(there), move, signal(back))
	allocations := testing.AllocsPerRun(200, func() {
		first.Start()
		second.Start()
	})
	if err := errors.Join(a.Sync(), b.Sync()); err != nil {
		t.Fatal(err)
	}
	if allocations != 0 {
		t.Errorf("%v allocations a step, want 0", allocations)
	}
}
