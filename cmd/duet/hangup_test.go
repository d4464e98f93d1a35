package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestReaderEndsFirst is "duet train 2>&1 | tee log" whose tee ends first: by Ctrl-C, with its terminal, or on its
// own. The run goes on to its end, or is saved as the signal asks.
func TestReaderEndsFirst(t *testing.T) {
	p := newPlace(t)
	long := sets("train.batch=400", "train.max_steps=8", "train.validate_steps=1", "train.checkpoint_steps=0")
	p.works(trainArgs("whole", long...)...)
	for _, signal := range []syscall.Signal{0, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(fmt.Sprint("signal ", int(signal)), func(t *testing.T) {
			q, run := &place{t, p.dir}, fmt.Sprint("run", int(signal))
			reader, writer, err := os.Pipe()
			q.check(err)
			cmd := q.command(trainArgs(run, long...)...)
			cmd.Stdout, cmd.Stderr = writer, writer
			q.check(cmd.Start())
			q.check(writer.Close())
			for lines := bufio.NewScanner(reader); lines.Scan() && !strings.Contains(lines.Text(), began); {
			}
			q.check(reader.Close())
			if signal != 0 {
				q.check(cmd.Process.Signal(signal))
			}
			cmd.Wait() // its error is the exit status
			code, m := cmd.ProcessState.ExitCode(), q.meta(run)
			switch {
			case signal == 0 && (code < 0 || m.Step != 8): // what it cannot print at its end is another matter
				t.Errorf("exit %d after step %d, want the end of the run", code, m.Step)
			case signal != 0 && (code != 128+int(signal) || m.Step > 7):
				t.Errorf("exit %d after step %d, want %d and less than all steps", code, m.Step, 128+int(signal))
			}
			q.works(trainArgs(run, append(long, "--resume")...)...)
			q.same(q.path("runs", "whole", "checkpoints", "step-00000008.safetensors"),
				q.path("runs", run, "checkpoints", "step-00000008.safetensors"))
		})
	}
}

// TestNobodyReads: no command ends by SIGPIPE where the reader of stdout or of stderr is gone from the start, and none
// fails that has nobody to tell its progress.
func TestNobodyReads(t *testing.T) {
	p := newPlace(t)
	p.works(trainArgs("run", sets("train.max_steps=2")...)...)
	step := p.path("runs", "run", "checkpoints", "step-00000002.safetensors")
	p.write(pngOf(drawing("across", 1)), "image.png")
	for i, args := range [][]string{
		{"prepare", "generated", "packed"},
		trainArgs("second", sets("train.max_steps=2")...),
		{"eval", step},
		{"predict", step, "image.png"},
		{"bench", "smoke", "--steps", "1", "--devices", "reference:0"},
		{"plan", "smoke"},
		{"gradcheck", "smoke", "--samples", "1"},
		{"version"},
		{"data", "verify", "packed"},
		{"data", "info", "packed"},
	} {
		reader, writer, err := os.Pipe()
		p.check(err)
		p.check(reader.Close())
		cmd := p.command(args...)
		cmd.Stderr = writer
		if err := cmd.Run(); err != nil {
			t.Errorf("duet %v: %v, want success though nobody reads stderr", args, err)
		}
		if i > 1 { // it can be repeated
			cmd = p.command(args...)
			cmd.Stdout = writer
			if err := cmd.Run(); cmd.ProcessState.ExitCode() < 0 {
				t.Errorf("duet %v: %v, where nobody reads stdout", args, err)
			}
		}
		p.check(writer.Close())
	}
}

// TestHangup: the kernel and the shell may each send one when a terminal is closed, and a session's end a SIGTERM
// beside it; under nohup it changes nothing, nor does Ctrl-C for what a script runs in the background.
func TestHangup(t *testing.T) {
	p := newPlace(t)
	long := sets("train.batch=400", "train.max_steps=3", "train.validate_steps=0", "train.checkpoint_steps=0")
	for i, all := range [][]syscall.Signal{{syscall.SIGHUP, syscall.SIGHUP}, {syscall.SIGHUP, syscall.SIGTERM},
		{syscall.SIGTERM, syscall.SIGHUP}} {
		run := fmt.Sprint("run", i)
		r := p.start(trainArgs(run, long...)...)
		r.says(began)
		for _, s := range all {
			r.signal(s)
			r.says("once more to leave at once")
		}
		r.interrupted(all[0], run)
	}
	shell, err := exec.LookPath("sh")
	p.check(err)
	r := p.startCommand(func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"sh", "-c", `trap "" HUP INT; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = shell
	}, trainArgs("ignored", long...)...)
	r.says(began)
	r.signal(syscall.SIGHUP)
	r.signal(syscall.SIGINT)
	if got := r.end(); got.code != 0 || p.meta("ignored").Step != 3 {
		t.Errorf("exit %d where SIGHUP and SIGINT are ignored: %s", got.code, got.stderr)
	}
}
