package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is a pseudo terminal and what was written to it.
type terminal struct {
	file *os.File // for programs
	mu   sync.Mutex
	text bytes.Buffer
}

func newTerminal(t *testing.T) *terminal {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close(); master.Close() })
	all := &terminal{file: file}
	go io.Copy(all, master) // ends with an error when the terminal is closed
	return all
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *terminal) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

const wipe = "\r\x1b[K" // the bar is drawn anew

// until waits for what a program wrote to a terminal after some bytes, as far as it says something.
func (t *terminal) until(tb testing.TB, from int, something string) string {
	tb.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if said := t.String()[from:]; strings.Contains(said, something) {
			return said
		} else if time.Now().After(end) {
			tb.Fatalf("%q does not say %q", said, something)
		}
	}
}

// onTerminal is a preparation that shows on a terminal how far it is.
func (p *place) onTerminal(t *terminal, source, out string) *exec.Cmd {
	cmd := p.command("prepare", source, out, "--size", "24")
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.Stderr = t.file
	return cmd
}

// TestOneBar: of two programs on one terminal one draws a bar, and the other prints lines; one that is in the
// background prints lines too.
func TestOneBar(t *testing.T) {
	const last = "preparing photos 20/20"
	p := newPlace(t)
	p.photos("photos")
	shared := newTerminal(t)
	first := p.onTerminal(shared, "generated", "a")
	p.check(first.Start())
	shared.until(t, 0, wipe)
	p.check(first.Process.Signal(syscall.SIGSTOP)) // from here on all is the second's
	before := len(shared.until(t, 0, wipe))
	p.check(p.onTerminal(shared, "photos", "b").Run())
	if said := shared.until(t, before, last); strings.Contains(said, wipe+"preparing photos") {
		t.Errorf("beside a bar: %q, want plain lines", said)
	}
	p.check(first.Process.Kill())
	first.Wait() // killed
	before = len(shared.String())
	p.check(p.onTerminal(shared, "photos", "c").Run())
	if said := shared.until(t, before, last); !strings.Contains(said, wipe+"preparing photos") {
		t.Errorf("after the first, killed as it is: %q, want a bar", said)
	}

	// In a session whose terminal this is, a child in a group of its own is in the background.
	own := newTerminal(t)
	shell := exec.Command("sh", "-c", `set -m; "$0" prepare photos d --size 24 & wait`, program)
	shell.Dir, shell.Env = p.dir, append(os.Environ(), "TERM=xterm")
	shell.Stdin, shell.Stdout, shell.Stderr = own.file, own.file, own.file
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p.check(shell.Run())
	if said := own.until(t, 0, last); strings.Contains(said, wipe) {
		t.Errorf("in the background: %q, want plain lines", said)
	}
}
