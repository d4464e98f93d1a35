package conformance

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
)

// lent checks uploads from memory that a device lends: small ones, and ones as large as images, which may take another way.
func (s *suite) lent(t *testing.T, d backend.Device) {
	if _, lends := d.(backend.Lender); !lends {
		return // no device's duty
	}
	for _, bytes := range []int{0, 1, 1000, 3 * 227 * 227} {
		t.Run(fmt.Sprintf("%d bytes", bytes), func(t *testing.T) {
			s.lentContents(t, d, bytes)
			s.lentInTurn(t, d, bytes)
		})
	}
	t.Run("two devices", func(t *testing.T) { s.lentToTwo(t) })
	t.Run("beside arrays", func(t *testing.T) { s.lentBesideArrays(t, d) })
	t.Run("another goroutine waits", func(t *testing.T) { s.lentElsewhere(t, d) })
	t.Run("refusals", func(t *testing.T) { s.lentRefusals(t, d) })
	t.Run("memory of Go's", func(t *testing.T) { s.lentByNobody(t, d) })
	t.Run("closed device", s.lentAfterClose)
	t.Run("without allocating", func(t *testing.T) { s.lentWithoutAllocating(t, d) })
}

// lentContents: Wait without an upload returns at once, and what was written arrives.
func (s *suite) lentContents(t *testing.T, d backend.Device, bytes int) {
	l, to := lend(t, d, bytes), newTarget(t, d, bytes)
	wait(t, l)
	wait(t, l)
	pattern(l.Data, 1)
	to.upload(t, l)
	to.expect(t, 1)
	wait(t, l)
	wait(t, l)
	closeLent(t, l)
	closeLent(t, l)
}

// lentInTurn: uploads of the same memory with Wait between give each its own contents, in turn with what runs. More of
// them are under way than any ring has places.
func (s *suite) lentInTurn(t *testing.T, d backend.Device, bytes int) {
	const rounds = 40
	l := lend(t, d, bytes)
	busy := newCounter(t, d)
	p := load(t, d, busy.step)
	var targets []target
	for range rounds {
		targets = append(targets, newTarget(t, d, bytes))
	}
	for round, to := range targets {
		wait(t, l)
		pattern(l.Data, round)
		to.upload(t, l)
		if round%3 == 0 {
			p.Start()
		}
		if round%5 == 0 { // once more in one turn
			targets[0].upload(t, l)
		}
	}
	closeLent(t, l) // which waits
	for round, to := range targets[1:] {
		to.expect(t, round+1)
	}
	targets[0].expect(t, rounds-5)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// lentToTwo: two devices take the same memory between two waits, whichever of them lent it, and closed in any order.
func (s *suite) lentToTwo(t *testing.T) {
	for _, bytes := range []int{1000, 3 * 227 * 227} {
		a, b := s.open(t), s.open(t)
		l := lend(t, a, bytes)
		targets := [2]target{newTarget(t, a, bytes), newTarget(t, b, bytes)}
		for round := range 20 {
			wait(t, l)
			pattern(l.Data, round)
			targets[round%2].upload(t, l)
			targets[(round+1)%2].upload(t, l)
			if round%7 == 0 {
				for _, to := range targets {
					to.expect(t, round)
				}
			}
		}
		first, second := a, b
		if bytes > 1000 {
			first, second = b, a
		}
		for _, d := range []backend.Device{first, second} { // the memory is still being read
			if err := d.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		wait(t, l)
		closeLent(t, l)
	}
}

// lentBesideArrays: uploads of arrays and of lent memory to one buffer take turns.
func (s *suite) lentBesideArrays(t *testing.T, d backend.Device) {
	const bytes = 3 * 227 * 227
	l, to := lend(t, d, bytes), newTarget(t, d, bytes)
	array := make([]uint8, bytes)
	for round := range 12 {
		if round%3 == 1 {
			pattern(array, round)
			to.upload(t, array)
			clear(array)
		} else {
			wait(t, l)
			pattern(l.Data, round)
			to.upload(t, l)
		}
		if round%4 == 3 || round == 1 {
			to.expect(t, round)
		}
	}
	closeLent(t, l)
}

// lentElsewhere: one goroutine waits and writes while another uploads and runs, as a loader and a training do.
func (s *suite) lentElsewhere(t *testing.T, d backend.Device) {
	const bytes, rounds, depth = 3 * 227 * 227, 30, 3
	to := newTarget(t, d, bytes)
	free, full := make(chan *backend.Lent, depth), make(chan *backend.Lent, depth)
	for range depth {
		free <- lend(t, d, bytes)
	}
	var loader sync.WaitGroup
	loader.Go(func() {
		for round := range rounds {
			l := <-free
			if err := l.Wait(); err != nil {
				t.Errorf("wait: %v", err)
			}
			pattern(l.Data, round)
			full <- l
		}
	})
	for round := range rounds {
		l := <-full
		to.upload(t, l)
		free <- l
		if round%4 == 0 {
			to.expect(t, round)
		}
	}
	loader.Wait()
	for range depth {
		closeLent(t, <-free)
	}
}

// lentRefusals: what is wrong with an upload is told as of an array, and does not stick.
func (s *suite) lentRefusals(t *testing.T, d backend.Device) {
	if _, err := d.(backend.Lender).Lend(-1); err == nil {
		t.Error("lend -1 bytes: no error")
	}
	l, to := lend(t, d, 16), newTarget(t, d, 16)
	defer closeLent(t, l)
	shorter, large := newTarget(t, d, 15), newTarget(t, d, 64)
	reals, err := d.Place(op.Floats(4), nil)
	if err != nil {
		t.Fatal(err)
	}
	given := lend(t, d, 16)
	closeLent(t, given)
	for _, c := range []struct {
		what  string
		err   error
		words []string
	}{
		{"a shorter layout", d.Upload(shorter.buffer, shorter.layout, l), []string{d.Name(), "upload", "16", "15", "uint8"}},
		{"real numbers", d.Upload(large.buffer, reals, l), []string{d.Name(), "upload", "16", "uint8"}},
		{"another backend's layout", d.Upload(to.buffer, strange{}, l), []string{d.Name(), "upload"}},
		{"another backend's memory", d.Upload(backend.Buffer{Memory: strange{}, Bytes: 16}, to.layout, l), []string{d.Name(), "upload"}},
		{"after Close", d.Upload(to.buffer, to.layout, given), []string{d.Name(), "upload", backend.ErrGivenBack.Error()}},
		{"a download", d.Download(l, to.buffer, to.layout), []string{d.Name(), "download", "Lent"}},
	} {
		for _, word := range c.words {
			if c.err == nil || !strings.Contains(c.err.Error(), word) {
				t.Errorf("%s: %v, want it to say %q", c.what, c.err, word)
			}
		}
	}
	if !errors.Is(d.Upload(to.buffer, to.layout, given), backend.ErrGivenBack) {
		t.Error("upload after Close is not ErrGivenBack")
	}
	wait(t, l) // for nothing: none was enqueued
	if err := d.Sync(); err != nil {
		t.Errorf("a refusal stuck: %v", err)
	}
}

// lentByNobody: memory of Go's takes the same calls.
func (s *suite) lentByNobody(t *testing.T, d backend.Device) {
	for _, bytes := range []int{1000, 3 * 227 * 227} {
		l := backend.NewLent(make([]uint8, bytes), nil, nil)
		to := newTarget(t, d, bytes)
		for round := range 5 {
			wait(t, l)
			pattern(l.Data, round)
			to.upload(t, l)
			to.expect(t, round)
		}
		closeLent(t, l)
	}
}

// lentAfterClose: a closed device lends nothing, and what it lent before can be waited for and closed.
func (s *suite) lentAfterClose(t *testing.T) {
	d := s.open(t)
	l, to := lend(t, d, 3*227*227), newTarget(t, d, 3*227*227)
	pattern(l.Data, 1)
	to.upload(t, l)
	if err := d.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := d.Upload(to.buffer, to.layout, l); err == nil {
		t.Error("upload of lent memory after the device's Close: no error")
	}
	if _, err := d.(backend.Lender).Lend(1); err == nil {
		t.Error("lend after Close: no error")
	}
	wait(t, l)
	closeLent(t, l)
}

func (s *suite) lentWithoutAllocating(t *testing.T, d backend.Device) {
	for _, bytes := range []int{1000, 3 * 227 * 227} {
		l, to := lend(t, d, bytes), newTarget(t, d, bytes)
		var err error
		step := func() {
			for range 3 {
				err = errors.Join(err, d.Upload(to.buffer, to.layout, l))
			}
			err = errors.Join(err, l.Wait())
		}
		for range 10 {
			step()
		}
		if n := testing.AllocsPerRun(50, step); n != 0 {
			t.Errorf("%d bytes: %v allocations for three uploads and a wait, want 0", bytes, n)
		}
		if err != nil {
			t.Fatal(err)
		}
		closeLent(t, l)
	}
}
