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

// images is how many bytes go the way of images, where a device has one of its own for them.
const images = 3 * 227 * 227

// hostMemory checks uploads from memory of the host: small ones, and ones as large as images.
func (s *suite) hostMemory(t *testing.T, d backend.Device) {
	for _, bytes := range []int{0, 1, 1000, images} {
		t.Run(fmt.Sprintf("%d bytes", bytes), func(t *testing.T) {
			s.hostContents(t, d, bytes)
			s.hostInTurn(t, d, bytes)
		})
	}
	t.Run("parts of one memory", func(t *testing.T) { s.hostParts(t, d) })
	t.Run("two devices", s.hostOfTwo)
	t.Run("beside arrays", func(t *testing.T) { s.hostBesideArrays(t, d) })
	t.Run("another goroutine waits", func(t *testing.T) { s.hostElsewhere(t, d) })
	t.Run("refusals", func(t *testing.T) { s.hostRefusals(t, d) })
	t.Run("closed device", s.hostAfterClose)
	t.Run("without allocating", func(t *testing.T) { s.hostWithoutAllocating(t, d) })
}

// hostContents: what was written arrives, and a transfer may be waited for again.
func (s *suite) hostContents(t *testing.T, d backend.Device, bytes int) {
	m, to := allocHost(t, d, bytes), newTarget(t, d, bytes)
	wait(t, backend.Transfer{})
	pattern(m.Data(), 1)
	transfer := to.upload(t, m)
	to.expect(t, 1)
	wait(t, transfer)
	wait(t, transfer)
	freeHost(t, d, m)
}

// hostInTurn: uploads of the same memory with waits between give each its own contents, in turn with what runs. More of
// them are under way than any ring has places.
func (s *suite) hostInTurn(t *testing.T, d backend.Device, bytes int) {
	const rounds = 40
	m := allocHost(t, d, bytes)
	p := load(t, d, newCounter(t, d).step)
	var targets []target
	for range rounds {
		targets = append(targets, newTarget(t, d, bytes))
	}
	var last backend.Transfer
	for round, to := range targets {
		wait(t, last)
		pattern(m.Data(), round)
		last = to.upload(t, m)
		if round%3 == 0 {
			p.Start()
		}
		if round%5 == 0 { // once more in one turn
			last = targets[0].upload(t, m)
		}
	}
	wait(t, last)
	freeHost(t, d, m)
	for round, to := range targets[1:] {
		to.expect(t, round+1)
	}
	targets[0].expect(t, rounds-5)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// hostParts: parts of one memory, of any elements, are uploaded on their own, many of them before the first wait.
func (s *suite) hostParts(t *testing.T, d backend.Device) {
	const parts, each = 100, 12
	m := allocHost(t, d, parts*each)
	pattern(m.Data(), 3)
	whole := newTarget(t, d, parts*each)
	var targets []target
	var transfers []backend.Transfer
	for i := range parts {
		to := newTarget(t, d, each)
		_, a := backend.Within[uint8](m, int64(i*each), each)
		targets, transfers = append(targets, to), append(transfers, to.send(t, a))
	}
	transfers = append(transfers, whole.upload(t, m))
	for i := range transfers { // the last ones first
		wait(t, transfers[len(transfers)-1-i])
	}
	clear(m.Data())
	whole.expect(t, 3)
	for i, to := range targets {
		for k, v := range to.download(t) {
			if want := patternAt(3, i*each+k); v != want {
				t.Fatalf("part %d: byte %d is %d, want %d", i, k, v, want)
			}
		}
	}
	typ := op.Type{DType: op.Int32, Shape: []int{2}}
	l, err := d.Place(typ, nil)
	if err != nil {
		t.Fatal(err)
	}
	numbers, a := backend.Within[int32](m, 8, 2)
	numbers[0], numbers[1] = -7, 1<<30
	transfer, err := d.Upload(whole.buffer, l, a)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, transfer)
	got := make([]int32, 2)
	if err := d.Download(got, whole.buffer, l); err != nil || got[0] != -7 || got[1] != 1<<30 {
		t.Errorf("%v, error %v", got, err)
	}
	freeHost(t, d, m)
}

// hostOfTwo: two devices take the same memory before one wait for each, whichever of them allocated it.
func (s *suite) hostOfTwo(t *testing.T) {
	for _, bytes := range []int{1000, images} {
		a, b := s.open(t), s.open(t)
		m := allocHost(t, a, bytes)
		targets := [2]target{newTarget(t, a, bytes), newTarget(t, b, bytes)}
		var under [2]backend.Transfer
		for round := range 20 {
			wait(t, under[0])
			wait(t, under[1])
			pattern(m.Data(), round)
			under[round%2] = targets[round%2].upload(t, m)
			under[(round+1)%2] = targets[(round+1)%2].upload(t, m)
			if round%7 == 0 {
				for _, to := range targets {
					to.expect(t, round)
				}
			}
		}
		for _, d := range []backend.Device{b, a} { // the memory is still being read
			if err := d.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		wait(t, under[0])
		wait(t, under[1])
		freeHost(t, a, m)
	}
}

// hostBesideArrays: uploads of arrays and of host memory to one buffer take turns.
func (s *suite) hostBesideArrays(t *testing.T, d backend.Device) {
	m, to := allocHost(t, d, images), newTarget(t, d, images)
	array := make([]uint8, images)
	var last backend.Transfer
	for round := range 12 {
		if round%3 == 1 {
			pattern(array, round)
			if err := backend.Write(d, to.buffer, to.layout, array); err != nil {
				t.Fatal(err)
			}
			clear(array)
		} else {
			wait(t, last)
			pattern(m.Data(), round)
			last = to.upload(t, m)
		}
		if round%4 == 3 || round == 1 {
			to.expect(t, round)
		}
	}
	wait(t, last)
	freeHost(t, d, m)
}

// hostElsewhere: one goroutine waits and writes while another uploads and runs, as a loader and a training do.
func (s *suite) hostElsewhere(t *testing.T, d backend.Device) {
	const rounds, depth = 30, 3
	type used struct {
		m     backend.HostMemory
		under backend.Transfer
	}
	to := newTarget(t, d, images)
	free, full := make(chan used, depth), make(chan used, depth)
	for range depth {
		free <- used{m: allocHost(t, d, images)}
	}
	var loader sync.WaitGroup
	loader.Go(func() {
		for round := range rounds {
			u := <-free
			if err := u.under.Wait(); err != nil {
				t.Errorf("wait: %v", err)
			}
			pattern(u.m.Data(), round)
			full <- u
		}
	})
	for round := range rounds {
		u := <-full
		u.under = to.upload(t, u.m)
		free <- u
		if round%4 == 0 {
			to.expect(t, round)
		}
	}
	loader.Wait()
	for range depth {
		u := <-free
		wait(t, u.under)
		freeHost(t, d, u.m)
	}
}

// hostRefusals: what is wrong with an upload is told, and does not stick.
func (s *suite) hostRefusals(t *testing.T, d backend.Device) {
	m, to := allocHost(t, d, 16), newTarget(t, d, 16)
	shorter, large := newTarget(t, d, 15), newTarget(t, d, 64)
	reals, err := d.Place(op.Floats(4), nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := bytesOf(m)
	freed := allocHost(t, d, 16)
	after := bytesOf(freed)
	freeHost(t, d, freed)
	_, tooFew := d.AllocHost(-1)
	for _, c := range []struct {
		what  string
		err   error
		words []string
	}{
		{"a shorter layout", uploadError(shorter, shorter.layout, whole), []string{d.Name(), "upload", "16 uint8", "15"}},
		{"real numbers", uploadError(large, reals, whole), []string{d.Name(), "upload", "16 uint8"}},
		{"another backend's layout", uploadError(to, strange{}, whole), []string{d.Name(), "upload"}},
		{"another backend's buffer", uploadError(target{d: d, buffer: backend.Buffer{Memory: strange{}, Bytes: 16}},
			to.layout, whole), []string{d.Name(), "upload"}},
		{"Go's memory", uploadError(to, to.layout, backend.Array{Data: make([]byte, 16), Element: backend.Uint8}),
			[]string{d.Name(), "upload", "AllocHost"}},
		{"another backend's memory", uploadError(to, to.layout, backend.Array{Data: make([]byte, 16), Element: backend.Uint8,
			Memory: strange{}}), []string{d.Name(), "upload", "another backend"}},
		{"memory that was freed", uploadError(to, to.layout, after), []string{d.Name(), "upload", "after free"}},
		{"a second free", d.FreeHost(freed), []string{d.Name(), "free host memory", "before"}},
		{"a free of another backend's", d.FreeHost(strange{}), []string{d.Name(), "free host memory"}},
		{"less than nothing", tooFew, []string{d.Name(), "-1 bytes"}},
	} {
		for _, word := range c.words {
			if c.err == nil || !strings.Contains(c.err.Error(), word) {
				t.Errorf("%s: %v, want it to say %q", c.what, c.err, word)
			}
		}
	}
	if err := d.Sync(); err != nil {
		t.Errorf("a refusal stuck: %v", err)
	}
	freeHost(t, d, m)
}

func uploadError(to target, l backend.Layout, a backend.Array) error {
	_, err := to.d.Upload(to.buffer, l, a)
	return err
}

// hostAfterClose: a closed device allocates and uploads nothing, and what was under way can be waited for and freed.
func (s *suite) hostAfterClose(t *testing.T) {
	d := s.open(t)
	m, to := allocHost(t, d, images), newTarget(t, d, images)
	pattern(m.Data(), 1)
	under := to.upload(t, m)
	if err := d.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := uploadError(to, to.layout, bytesOf(m)); err == nil {
		t.Error("upload after the device's Close: no error")
	}
	if _, err := d.AllocHost(1); err == nil {
		t.Error("host memory after Close: no error")
	}
	wait(t, under)
	freeHost(t, d, m)
}

func (s *suite) hostWithoutAllocating(t *testing.T, d backend.Device) {
	for _, bytes := range []int{1000, images} {
		m, to := allocHost(t, d, bytes), newTarget(t, d, bytes)
		a := bytesOf(m)
		var err error
		step := func() {
			var last backend.Transfer
			for range 3 {
				under, failed := d.Upload(to.buffer, to.layout, a)
				err, last = errors.Join(err, failed), under
			}
			err = errors.Join(err, last.Wait())
		}
		for range 40 { // and every place in a ring
			step()
		}
		if n := testing.AllocsPerRun(50, step); n != 0 {
			t.Errorf("%d bytes: %v allocations for three uploads and a wait, want 0", bytes, n)
		}
		if err != nil {
			t.Fatal(err)
		}
		freeHost(t, d, m)
	}
}
