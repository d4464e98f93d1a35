package board

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A stream is what a browser hears, served at an address of its own.
type stream struct {
	*tester
	lines *bufio.Reader
	body  io.Closer
}

// listen opens the stream of events as a browser does that has heard an event before, or "".
func (b *tester) listen(address, last string) *stream {
	b.Helper()
	r, err := http.NewRequest("GET", "http://"+address+"/events", nil)
	b.check(err)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := http.DefaultClient.Do(r)
	b.check(err)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		b.Fatalf("%s %v", answer.Status, answer.Header)
	}
	return &stream{b, bufio.NewReader(answer.Body), answer.Body}
}

// next is the id and the data of the next event.
func (s *stream) next() (id, data string) {
	s.Helper()
	for {
		line, err := s.lines.ReadString('\n')
		s.check(err)
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "id":
			id = value
		case "data":
			return id, value
		}
	}
}

// serve serves the board until stop is called, which wants it to end in good order.
func (b *tester) serve() (address string, stop func()) {
	b.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0")
	b.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, at, "127.0.0.1") }()
	return at.Addr().String(), func() {
		b.Helper()
		cancel()
		select {
		case err := <-ended:
			b.check(err)
		case <-time.After(4 * time.Second): // Shutdown would wait for five
			b.Fatal("the server does not end while somebody listens")
		}
	}
}

// TestStream: there is an event for what is known and for every change; who comes back, also to another process, hears
// of what it has missed, and of nothing where there is nothing.
func TestStream(t *testing.T) {
	b := newTester(t)
	b.Every = time.Millisecond
	b.begin("a")
	address, stop := b.serve()
	s := b.listen(address, "")
	first, data := s.next()
	if data != `{"a":0}` {
		t.Errorf("the first event is %s", data)
	}
	b.write("a", "metrics.jsonl", steps(1, 1))
	second, data := s.next()
	if first == second || data == `{"a":0}` {
		t.Errorf("events %s and %s, %s", first, second, data)
	}
	stop()
	if _, err := s.lines.ReadString(0); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the stream ends with %v", err)
	}
	var err error
	b.Board, err = New(b.dir, Options{Every: time.Millisecond}) // another process
	b.check(err)
	address, stop = b.serve()
	defer stop()
	quiet := b.listen(address, second)
	late := b.listen(address, first)
	if id, _ := late.next(); id != second {
		t.Errorf("who had missed %s hears of %s", second, id)
	}
	b.begin("b")
	third, _ := late.next()
	if id, data := quiet.next(); id != third || !strings.Contains(data, `"b":0`) {
		t.Errorf("who had missed nothing hears of %s, %s, want %s", id, data, third)
	}
	for _, s := range []*stream{quiet, late} {
		b.check(s.body.Close())
	}
}
