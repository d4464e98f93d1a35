package worker

import (
	"errors"
	"testing"
	"time"

	"duet/engine/backend"
)

// TestStaging takes the smallest idle memory with room, and makes new memory only without any.
func TestStaging(t *testing.T) {
	var s Staging[int]
	small, large := s.Take(9), s.Take(1000) // of 16 and 1000 bytes
	at := func(m *Staged[int]) *byte { return &m.Data[:1][0] }
	addresses := map[*byte]string{at(small): "small", at(large): "large"}
	if len(addresses) != 2 || len(small.Data) != 9 || len(large.Data) != 1000 {
		t.Fatalf("%d and %d bytes, at %d places", len(small.Data), len(large.Data), len(addresses))
	}
	for _, c := range []struct {
		bytes int
		want  string
	}{{1, "small"}, {16, "small"}, {17, "large"}, {1000, "large"}, {1001, ""}} {
		for _, first := range []*Staged[int]{small, large} { // whichever was given back last
			second := large
			if first == large {
				second = small
			}
			s := Staging[int]{}
			s.Give(first)
			s.Give(second)
			m := s.Take(c.bytes)
			if got := addresses[at(m)]; got != c.want || len(m.Data) != c.bytes {
				t.Errorf("%d bytes: %d bytes of the %q memory, want the %q", c.bytes, len(m.Data), got, c.want)
			}
			rest := 2
			if c.want != "" {
				rest = 1
			}
			for range rest {
				if addresses[at(s.Take(1))] == "" {
					t.Errorf("%d bytes: idle memory was lost", c.bytes)
				}
			}
			if addresses[at(s.Take(1))] != "" {
				t.Errorf("%d bytes: memory was given twice", c.bytes)
			}
		}
	}
}

// TestBorrow: the wait for lent memory ends when it was read, and the stand-in for it is used again.
func TestBorrow(t *testing.T) {
	var s Staging[int]
	l := backend.NewLent(make([]uint8, 12), nil, nil)
	var last *Staged[int]
	for range 3 {
		m, err := s.Borrow(l)
		if err != nil || &m.Data[0] != &l.Data[0] || len(m.Data) != 12 {
			t.Fatalf("%d bytes, error %v", len(m.Data), err)
		}
		if last != nil && m != last {
			t.Error("a second stand-in was made")
		}
		last = m
		waited := make(chan error, 1)
		go func() { waited <- l.Wait() }()
		select {
		case err := <-waited:
			t.Fatalf("the wait ended before the memory was read: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		s.Give(m)
		within(t, func() {
			if err := <-waited; err != nil {
				t.Error(err)
			}
		})
	}
	if m := s.Take(8); m == last {
		t.Error("a stand-in was taken for memory")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if m, err := s.Borrow(l); m != nil || !errors.Is(err, backend.ErrGivenBack) {
			t.Errorf("memory that was given back: %v, error %v", m, err)
		}
	}
}
