package train_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"duet/engine/backend"
	"duet/engine/train"
)

// counting is a backend of the reference's devices that counts how often programs are started.
const counting = "counting"

var started atomic.Int64

func init() {
	backend.Register(backend.Backend{Name: counting, Open: func(index int, o backend.Options) (backend.Device, error) {
		d, err := backend.Open("reference:0", o)
		return counted{d}, err
	}})
}

// linked are the backends of this build without it.
func linked() []backend.Backend {
	return slices.DeleteFunc(backend.Backends(), func(b backend.Backend) bool { return b.Name == counting })
}

type counted struct{ backend.Device }

func (c counted) Load(commands []backend.Command, o backend.LoadOptions) (backend.Program, error) {
	p, err := c.Device.Load(commands, o)
	return countedProgram{p}, err
}

type countedProgram struct{ backend.Program }

func (p countedProgram) Start() {
	started.Add(1)
	p.Program.Start()
}

// TestBenchRuns: what is timed is run, as often as it is said.
func TestBenchRuns(t *testing.T) {
	r := newRuns(t)
	p := parts(r.config(`devices.towers=["counting:0"]`))
	data, err := train.OpenData(context.Background(), p.Data, train.DataHooks{})
	r.check(err)
	defer func() { r.check(data.Close()) }()
	m, err := train.NewModel(p, train.InputOf(data.Train, p.Data), train.ForBench)
	r.check(err)
	defer func() { r.check(m.Close()) }()
	const steps, rounds = 4, 3
	told := 0
	for _, c := range []struct {
		name string
		run  func() error
		want int
	}{
		{"on a resident batch", func() error { // two to warm up, three profiled
			s, err := m.Bench(context.Background(), steps, func(done, total int) { told = total - done })
			if !(s.StepMS > 0) || !(s.StepMinMS > 0) || s.StepMinMS > s.StepMS || s.ImagesPerSecond != float64(m.Batch)/s.StepMS*1000 {
				t.Errorf("%+v", s)
			}
			return err
		}, 2 + steps + 3},
		{"from a set", func() error { // two to warm up; before each round's steps of a set what was ready is taken
			f, err := m.BenchData(context.Background(), data.Train, steps, rounds, func(done, total int) { told = total - done })
			if !(f.StepMS > 0) || !(f.ResidentMS > 0) || f.Steps != steps || f.Rounds != rounds || f.ImagesPerSecond != float64(m.Batch)/f.StepMS*1000 {
				t.Errorf("%+v", f)
			}
			return err
		}, 2 + rounds*(steps+p.Data.Prefetch+2+steps)},
	} {
		before := started.Load()
		r.check(c.run())
		if got := int(started.Load() - before); got != c.want {
			t.Errorf("%s: %d runs, want %d", c.name, got, c.want)
		}
		if told != 0 {
			t.Errorf("%s: %d steps are left when it is done", c.name, told)
		}
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	before := started.Load()
	_, resident := m.Bench(stopped, steps, nil)
	_, fed := m.BenchData(stopped, data.Train, steps, rounds, nil)
	if !errors.Is(resident, context.Canceled) || !errors.Is(fed, context.Canceled) || started.Load()-before > 2 {
		t.Errorf("interrupted: errors %v and %v after %d runs", resident, fed, started.Load()-before)
	}
}
