package conformance

import (
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
)

// programs checks empty programs, copies of nothing, order, and timings.
func (s *suite) programs(t *testing.T, d backend.Device) {
	t.Run("nothing", func(t *testing.T) {
		m, err := d.Alloc(0)
		if err != nil {
			t.Fatal(err)
		}
		nothing := backend.Buffer{Memory: m}
		for _, commands := range [][]backend.Command{nil, {},
			{{Kind: backend.Copy, Label: "nothing", From: d, Src: nothing, Dst: nothing}}} {
			p, err := d.Load(commands, backend.LoadOptions{Profile: true})
			if err != nil {
				t.Fatal(err)
			}
			p.Start()
			p.Start()
			if err := d.Sync(); err != nil {
				t.Error(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := d.Free(m); err != nil {
			t.Error(err)
		}
	})
	t.Run("order", func(t *testing.T) { s.order(t, d) })
	t.Run("one launch is many commands", func(t *testing.T) {
		c := newCounter(t, d)
		p, err := d.Load([]backend.Command{c.step, c.step, c.step}, backend.LoadOptions{Profile: true})
		if err != nil {
			t.Fatal(err)
		}
		p.Start()
		c.expect(t, 3)
		times := p.Times()
		if len(times) != 3 {
			t.Errorf("%d times of 3 commands", len(times))
		}
		for i, took := range times {
			if took < 0 {
				t.Errorf("command %d took %v", i, took)
			}
		}
		plain, err := d.Load([]backend.Command{c.step}, backend.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		plain.Start()
		c.expect(t, 4)
		if times := plain.Times(); times != nil {
			t.Errorf("times %v without profile", times)
		}
		for _, loaded := range []backend.Program{p, plain} {
			if err := loaded.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// order starts many runs between uploads without waiting: each must take effect in its turn.
func (s *suite) order(t *testing.T, d backend.Device) {
	c := newCounter(t, d)
	p, err := d.Load([]backend.Command{c.step}, backend.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	host := make([]float32, c.length)
	for round := range 50 {
		for i := range host {
			host[i] = float32(round)
		}
		if err := backend.Write(d, c.sum, c.layout, host); err != nil {
			t.Fatal(err)
		}
		clear(host)
		for range round % 7 {
			p.Start()
		}
		if round%10 == 0 {
			c.expect(t, float32(round+round%7))
		}
	}
	c.expect(t, 49)
}

// counter is a tensor and a command that adds one to each of its elements.
type counter struct {
	d        backend.Device
	length   int
	layout   backend.Layout
	sum, one backend.Buffer
	step     backend.Command
}

func newCounter(t testing.TB, d backend.Device) *counter {
	t.Helper()
	c := &counter{d: d, length: 16 * 9 * 2}
	typ := op.Floats(2, 16, 3, 3)
	fatal := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	c.layout, err = d.Place(typ, nil)
	fatal(err)
	m, err := d.Alloc(1 << 14)
	fatal(err)
	t.Cleanup(func() { d.Free(m) })
	c.sum = backend.Buffer{Memory: m, Bytes: c.layout.Bytes()}
	c.one = backend.Buffer{Memory: m, Offset: 1 << 12, Bytes: c.layout.Bytes()}
	k, err := d.Prepare(backend.Request{
		Op: op.Add{}, InTypes: []op.Type{typ, typ}, In: []backend.Layout{c.layout, c.layout}, OutTypes: []op.Type{typ},
	})
	fatal(err)
	ones := make([]float32, c.length)
	for i := range ones {
		ones[i] = 1
	}
	fatal(backend.Write(d, c.one, c.layout, ones))
	c.step = backend.Command{Kind: backend.Launch, Label: "add one", Kernel: k, In: []backend.Buffer{c.sum, c.one},
		Out: []backend.Buffer{c.sum}}
	scratch := backend.Buffer{Memory: m, Offset: 2 << 12, Bytes: k.Scratch()}
	if k.InPlace() != 0 || k.Out()[0].String() != c.layout.String() { // then add a copy back: never needed so far
		t.Fatalf("add is not in place: %d, %v to %v", k.InPlace(), c.layout, k.Out()[0])
	}
	if k.Scratch() > 0 {
		c.step.Scratch = scratch
	}
	return c
}

// expect downloads the tensor.
func (c *counter) expect(t testing.TB, want float32) {
	t.Helper()
	got := make([]float32, c.length)
	if err := c.d.Download(got, c.sum, c.layout); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != want {
			t.Fatalf("element %d is %v, want %v", i, v, want)
		}
	}
}
