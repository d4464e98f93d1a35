package train_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/engine/train"
)

const onWatched = `devices.towers=["watched:0"]`

// watched are the devices of a backend of that name, which are the reference's.
var watched struct {
	starts atomic.Int64 // of programs
	on     bool         // count the calls below
	calls  []string     // that could fail
	fails  int          // the number of the one that does, from 1
	known  bool         // profiled commands take knownTime
}

var errBroken = errors.New("broken")

func init() {
	backend.Register(backend.Backend{Name: "watched", Open: func(index int, o backend.Options) (backend.Device, error) {
		d, err := backend.Open("reference:0", o)
		return watchedDevice{d}, err
	}})
}

// linked are the backends of this build without it.
func linked() []backend.Backend {
	return slices.DeleteFunc(backend.Backends(), func(b backend.Backend) bool { return b.Name == "watched" })
}

// try counts a call, and says whether it fails.
func try(what string) error {
	if !watched.on {
		return nil
	}
	if watched.calls = append(watched.calls, what); len(watched.calls) == watched.fails {
		return errBroken
	}
	return nil
}

type watchedDevice struct{ backend.Device }

func (d watchedDevice) Place(t op.Type, uses []backend.Use) (l backend.Layout, err error) {
	if err := try("place"); err != nil {
		return nil, err
	}
	return d.Device.Place(t, uses)
}

func (d watchedDevice) Prepare(r backend.Request) (backend.Kernel, error) {
	if err := try("prepare"); err != nil {
		return nil, err
	}
	return d.Device.Prepare(r)
}

func (d watchedDevice) Alloc(bytes int64) (backend.Memory, error) {
	if err := try("alloc"); err != nil {
		return nil, err
	}
	return d.Device.Alloc(bytes)
}

func (d watchedDevice) Free(m backend.Memory) error {
	return errors.Join(try("free"), d.Device.Free(m))
}

func (d watchedDevice) Upload(dst backend.Buffer, l backend.Layout, host any) error {
	if err := try("upload"); err != nil {
		return err
	}
	return d.Device.Upload(dst, l, host)
}

func (d watchedDevice) Download(host any, src backend.Buffer, l backend.Layout) error {
	if err := try("download"); err != nil {
		return err
	}
	return d.Device.Download(host, src, l)
}

func (d watchedDevice) Load(commands []backend.Command, o backend.LoadOptions) (backend.Program, error) {
	if err := try("load"); err != nil {
		return nil, err
	}
	p, err := d.Device.Load(commands, o)
	return watchedProgram{p}, err
}

func (d watchedDevice) Sync() error { return errors.Join(try("sync"), d.Device.Sync()) }

func (d watchedDevice) Close() error { return errors.Join(try("close"), d.Device.Close()) }

type watchedProgram struct{ backend.Program }

func (p watchedProgram) Start() {
	watched.starts.Add(1)
	p.Program.Start()
}

// knownTime is that of a program's command.
func knownTime(command int) time.Duration { return time.Duration(command+1) * 37 * time.Microsecond }

func (p watchedProgram) Times() []time.Duration {
	times := slices.Clone(p.Program.Times())
	for i := range times {
		if watched.known {
			times[i] = knownTime(i)
		}
	}
	return times
}

func (p watchedProgram) Close() error { return errors.Join(try("close"), p.Program.Close()) }

// TestEveryDeviceCallMayFail lets every call of a device fail once, in all that a model does: the error comes out.
func TestEveryDeviceCallMayFail(t *testing.T) {
	r := newRuns(t)
	ctx := context.Background()
	p := parts(r.config(onWatched, "train.max_steps=3", "train.validate_steps=2", "train.checkpoint_steps=2",
		"train.batch=4", "data.generated.val=8", "data.prefetch=1"))
	data, err := train.OpenData(ctx, p.Data, train.DataHooks{})
	r.check(err)
	defer func() { r.check(data.Close()) }()
	in := train.InputOf(data.Train, p.Data)
	m, err := train.NewModel(p, in, train.ForTraining)
	r.check(err)
	defer func() { r.check(m.Close()) }()
	r.check(m.Initialise(1))
	runs := 0
	training := func(resume bool) error {
		_, err := r.runOn(ctx, m, data, fmt.Sprint("run", runs), resume, p)
		return err
	}
	for _, c := range []struct {
		name   string
		stride int // every how many calls one fails
		before func()
		run    func() error
	}{
		{"making", 9, nil, func() error {
			m, err := train.NewModel(p, in, train.ForTraining)
			if err != nil {
				return err
			}
			return m.Close()
		}},
		{"training", 3, func() { runs++ }, func() error { return training(false) }},
		{"resuming", 5, func() {
			runs++
			short := p
			short.Train.MaxSteps = 2
			_, err := r.runOn(ctx, m, data, fmt.Sprint("run", runs), false, short)
			r.check(err)
		}, func() error { return training(true) }},
		{"testing", 1, nil, func() error {
			_, err := m.Evaluate(ctx, data.Val, 1, nil)
			return err
		}},
		{"predicting", 1, nil, func() error {
			_, err := m.Predict([][]byte{data.Val.Stored(0)}, 10)
			return err
		}},
		{"measuring", 1, nil, func() error {
			_, err := m.Bench(ctx, 2, nil)
			return err
		}},
		{"measuring with data", 1, nil, func() error {
			_, err := m.BenchData(ctx, data.Train, 2, 1, nil)
			return err
		}},
		{"checking gradients", 9, nil, func() error {
			two := p
			two.Train.Batch = 2
			_, err := train.GradCheck(ctx, two, in, 1, nil)
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() { watched.on = false }()
			for fails := 0; ; fails += c.stride { // at first none does
				if watched.on = false; c.before != nil {
					c.before()
				}
				watched.on, watched.calls, watched.fails = true, nil, fails
				err := c.run()
				switch {
				case fails > len(watched.calls) || fails == 0 && err != nil:
					if err != nil {
						t.Fatalf("nothing failed, but %v", err)
					}
					t.Logf("%d calls", len(watched.calls))
					return
				case fails > 0 && !errors.Is(err, errBroken):
					t.Errorf("call %d, %s, failed; the error is %v", fails, watched.calls[fails-1], err)
				}
			}
		})
	}
}
