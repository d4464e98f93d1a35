package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestBoard: the page is served at the address that is printed until a signal, and written to a file.
func TestBoard(t *testing.T) {
	p := newPlace(t)
	p.refused(exitFailed, []string{"runs", "want one that duet train has made"}, "board")
	p.works(trainArgs("first")...)
	p.refused(exitUsage, []string{"--address", "want HOST:PORT"}, "board", "--address", "6012")
	p.refused(exitUsage, []string{"RUNS and --runs"}, "board", "runs", "--runs", "runs")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	p.check(err)
	defer taken.Close()
	p.refused(exitFailed, []string{"want --address with another port"}, "board", "--address", taken.Addr().String())
	if r := p.works("board", "--save", "page.html"); r.stdout != "page.html\n" ||
		!strings.Contains(string(p.read("page.html")), "first") {
		t.Errorf("prints %q", r.stdout)
	}

	c := p.command("board", "runs", "--address", "127.0.0.1:0")
	out, err := c.StdoutPipe()
	p.check(err)
	p.check(c.Start())
	address, err := bufio.NewReader(out).ReadString('\n')
	p.check(err)
	answer, err := http.Get(strings.TrimSpace(address))
	p.check(err)
	page, err := io.ReadAll(answer.Body)
	p.check(err)
	p.check(answer.Body.Close())
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(page), "first") {
		t.Errorf("%s: %s %s", address, answer.Status, page)
	}
	p.check(c.Process.Signal(syscall.SIGTERM))
	if err := c.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
