//go:build gpu

package cuda

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/internal/rng"
)

// parameter is a weight with what its updates read and write, and the two commands.
type parameter struct {
	length   int
	grad     backend.Buffer
	peak     *backend.Buffer // nil: not wanted
	all      []backend.Buffer
	update   backend.Command
	averaged backend.Command
}

// parameters of these lengths, each second one without a peak, each third one a bias, which has no bf16 copy.
func parameters(t *testing.T, d *device, lengths []int) []*parameter {
	t.Helper()
	buffer := func(l backend.Layout) backend.Buffer {
		m, err := d.Alloc(l.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return backend.Buffer{Memory: m, Bytes: l.Bytes()}
	}
	place := func(typ op.Type, uses ...backend.Use) (backend.Layout, backend.Buffer) {
		l, err := d.Place(typ, uses)
		if err != nil {
			t.Fatal(err)
		}
		return l, buffer(l)
	}
	random := rng.New(1, rng.Generate, 0, 0)
	write := func(b backend.Buffer, l backend.Layout, n int, from uint64) {
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(random.Intn(from+uint64(i), 2001)-1000) / 1000
		}
		if err := backend.Write(d, b, l, data); err != nil {
			t.Fatal(err)
		}
	}
	exact := func(typ op.Type) backend.Use { // which every device keeps in fp32
		o := op.SGD{}
		return backend.Use{Op: o, Arg: 1, In: []op.Type{typ, typ, typ, op.Floats(1)}, Layouts: make([]backend.Layout, 4)}
	}
	rateLayout, rate := place(op.Floats(1), exact(op.Floats(1)))
	if err := backend.Write(d, rate, rateLayout, []float32{0.25}); err != nil {
		t.Fatal(err)
	}
	var all []*parameter
	for i, n := range lengths {
		typ := op.Floats(1, n)
		use := exact(typ)
		if i%3 != 2 {
			use = backend.Use{Op: op.Linear{}, Arg: 1, In: []op.Type{op.Floats(2, n), typ, op.Floats(1)}}
		}
		p := &parameter{length: n}
		wl, w := place(typ, use)
		al, a := place(typ, use)
		vl, v := place(typ, exact(typ))
		gl, g := place(typ, exact(typ))
		for j, b := range []backend.Buffer{w, a, v, g} {
			write(b, []backend.Layout{wl, al, vl, gl}[j], n, uint64(4*i+j)<<32)
		}
		p.grad, p.all = g, []backend.Buffer{w, a, v}
		sgd := op.SGD{Momentum: 0.5 + float32(i)/16, WeightDecay: float32(i) / 32, RateMul: float32(1 + i%2)}
		r := backend.Request{Op: sgd, InTypes: []op.Type{typ, typ, typ, op.Floats(1)},
			In: []backend.Layout{wl, vl, gl, rateLayout}, OutTypes: []op.Type{typ, typ}}
		p.update = backend.Command{Kind: backend.Launch, Label: fmt.Sprintf("update %d", i),
			In: []backend.Buffer{w, v, g, rate}, Out: []backend.Buffer{w, v}}
		if i%2 == 0 {
			r.Companion, r.OutTypes = op.GradientPeak{SGD: sgd}, append(r.OutTypes, op.Floats(1))
			pl, peak := place(op.Floats(1), exact(op.Floats(1)))
			if err := backend.Write(d, peak, pl, []float32{-7}); err != nil { // not 0 before
				t.Fatal(err)
			}
			p.peak, p.all, p.update.Out = &peak, append(p.all, peak), append(p.update.Out, peak)
		}
		p.averaged = backend.Command{Kind: backend.Launch, Label: fmt.Sprintf("average %d", i),
			In: []backend.Buffer{a, w}, Out: []backend.Buffer{a}}
		prepare := func(c *backend.Command, r backend.Request) {
			var err error
			if c.Kernel, err = d.Prepare(r); err != nil {
				t.Fatal(err)
			}
		}
		prepare(&p.update, r)
		prepare(&p.averaged, backend.Request{Op: op.EMA{Decay: 0.75}, InTypes: []op.Type{typ, typ},
			In: []backend.Layout{al, wl}, OutTypes: []op.Type{typ}})
		all = append(all, p)
	}
	return all
}

// raw are the bytes of a buffer.
func raw(t *testing.T, d *device, b backend.Buffer) []uint8 {
	t.Helper()
	got := make([]uint8, b.Bytes)
	if err := d.Download(got, b, &layout{element: bytes8, shape: []int{int(b.Bytes)}}); err != nil {
		t.Fatal(err)
	}
	return got
}

func loaded(t *testing.T, d *device, o backend.LoadOptions, commands ...backend.Command) *program {
	t.Helper()
	p, err := d.Load(commands, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p.(*program)
}

// launchedBy is how many launches a run of a program is.
func launchedBy(p *program) (n int) {
	for _, a := range p.actions {
		n += len(a.do.(*launches).steps)
	}
	return n
}

// TestJoined: what a program joins comes to the bits of the same commands alone, in whichever order they allow, from
// run to run, and is as few launches as it may be.
func TestJoined(t *testing.T) {
	lengths := []int{1, 3, 17, 2047, 2048, 2049, 4101, 9001, 1, 12345}
	updates := func(ps []*parameter) (all []backend.Command) {
		for _, p := range ps {
			all = append(all, p.update)
		}
		return all
	}
	for _, c := range []struct {
		name     string
		commands func(ps []*parameter) []backend.Command
		launches int
	}{
		{"updates", updates, 1},
		{"averages behind", func(ps []*parameter) []backend.Command {
			all := updates(ps)
			for _, p := range ps {
				all = append(all, p.averaged)
			}
			return all
		}, 2},
		{"averages between", func(ps []*parameter) (all []backend.Command) {
			for _, p := range ps {
				all = append(all, p.update, p.averaged)
			}
			return all
		}, 2 * len(lengths)},
		{"one twice", func(ps []*parameter) []backend.Command { return append(updates(ps), ps[4].update) }, 2},
		{"each twice", func(ps []*parameter) (all []backend.Command) {
			for _, p := range ps {
				all = append(all, p.update, p.update)
			}
			return all
		}, len(lengths) + 1},
		{"one", func(ps []*parameter) []backend.Command { return updates(ps[6:7]) }, 1},
	} {
		for _, precision := range precisions {
			t.Run(c.name+"/"+precision, func(t *testing.T) {
				d := opened(t, backend.Options{Precision: precision})
				d.limits.units = 1 // then there are more pieces than blocks
				together, alone := parameters(t, d, lengths), parameters(t, d, lengths)
				whole := loaded(t, d, backend.LoadOptions{}, c.commands(together)...)
				if n := launchedBy(whole); n != c.launches {
					t.Errorf("%d launches, want %d", n, c.launches)
				}
				var each []*program
				for _, command := range c.commands(alone) {
					each = append(each, loaded(t, d, backend.LoadOptions{}, command))
				}
				for range 2 {
					whole.Start()
					for _, p := range each {
						p.Start()
					}
				}
				for i, p := range together {
					for j := range p.all {
						if !bytes.Equal(raw(t, d, p.all[j]), raw(t, d, alone[i].all[j])) {
							t.Errorf("parameter %d of %d: buffer %d differs", i, p.length, j)
						}
					}
				}
			})
		}
	}
}

// TestJoinedPeaks: each gradient's own peak, wherever it lies, and in every run that run's.
func TestJoinedPeaks(t *testing.T) {
	d := opened(t, backend.Options{})
	d.limits.units = 1
	ps := parameters(t, d, []int{9001, 5, 4096, 5, 3, 5})
	var commands []backend.Command
	for _, p := range ps {
		commands = append(commands, p.update)
	}
	program := loaded(t, d, backend.LoadOptions{}, commands...)
	for run, at := range []int{0, 3, 2047, 2048, 5000, 8191, 8192, 8999, 9000, -1} {
		want := make([]float32, len(ps))
		for i, p := range ps {
			data := make([]float32, p.length)
			if at >= 0 {
				want[i] = float32(100*i + 10 - run)
				data[at%p.length] = -want[i]
			}
			if err := backend.Write(d, p.grad, &layout{shape: []int{p.length}}, data); err != nil {
				t.Fatal(err)
			}
		}
		program.Start()
		for i, p := range ps {
			if p.peak == nil {
				continue
			}
			var got [1]float32
			if err := d.Download(got[:], *p.peak, &layout{shape: []int{1}}); err != nil {
				t.Fatal(err)
			}
			if got[0] != want[i] {
				t.Errorf("run %d, parameter %d: peak %v, want %v", run, i, got[0], want[i])
			}
		}
	}
}

// TestJoinedTimes: a profiled program joins as another does, and its commands share the time by their elements; the
// table is the other program's.
func TestJoinedTimes(t *testing.T) {
	d := opened(t, backend.Options{})
	ps := parameters(t, d, []int{100_000, 200_000, 100_000})
	commands := []backend.Command{ps[0].update, ps[1].update, ps[2].update}
	plain := loaded(t, d, backend.LoadOptions{}, commands...)
	free := d.Info().FreeBytes
	profiled := loaded(t, d, backend.LoadOptions{Profile: true}, append(commands, ps[0].averaged)...)
	if n := launchedBy(profiled); n != 2 {
		t.Errorf("%d launches, want 2", n)
	}
	if plain.Bytes() <= 0 || len(d.tables) != 2 {
		t.Errorf("%d tables, a program of %d bytes", len(d.tables), plain.Bytes())
	}
	if used := free - d.Info().FreeBytes; used < 0 {
		t.Errorf("%d bytes more are free", -used)
	}
	profiled.Start()
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	took := profiled.Times()
	for i, elements := range []float64{1, 2, 1} {
		if want := elements * float64(took[0]); took[i] <= 0 || math.Abs(float64(took[i])-want) > 4 {
			t.Errorf("command %d took %v, and the first one %v", i, took[i], took[0])
		}
	}
	if took[3] <= 0 {
		t.Errorf("the command behind took %v", took[3])
	}
}
