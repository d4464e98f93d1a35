// Package watched is a backend for tests: the devices of the reference, whose calls are counted, and fail when they are
// told to. There is one watch for all of them, and nothing of it may be changed while a device works.
package watched

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"duet/engine/backend"
	_ "duet/engine/backend/reference" // whose devices they are
	"duet/engine/op"
)

// Watch is what is seen of the devices, and what becomes of their calls.
var Watch struct {
	Starts atomic.Int64 // of programs
	On     bool         // count the calls below
	Calls  []string     // that could fail
	Fails  int          // the number of the one that does, from 1
	Known  bool         // profiled commands take KnownTime
}

// ErrBroken is the error of a call that fails.
var ErrBroken = errors.New("broken")

const name = "watched"

func init() {
	backend.Register(backend.Backend{Name: name, Open: func(index int, o backend.Options) (backend.Device, error) {
		d, err := backend.Open("reference:0", o)
		return device{d}, err
	}})
}

// Others are the backends of this build without it.
func Others() []backend.Backend {
	return slices.DeleteFunc(backend.Backends(), func(b backend.Backend) bool { return b.Name == name })
}

// Placements are the settings that put two towers on one and on two devices of each of the others.
func Placements() []string {
	var all []string
	for _, b := range Others() {
		all = append(all, fmt.Sprintf(`devices.towers=["%s:0"]`, b.Name),
			fmt.Sprintf(`devices.towers=["%s:0", "%[1]s:1"]`, b.Name))
	}
	return all
}

// EachFails lets each call of a device fail once, or every stride-th, in what run does after before, which may be nil.
// The error must come out of run.
func EachFails(t *testing.T, stride int, before func(), run func() error) {
	t.Helper()
	defer func() { Watch.On = false }()
	for fails := 0; ; fails += stride { // at first none does
		if Watch.On = false; before != nil {
			before()
		}
		Watch.On, Watch.Calls, Watch.Fails = true, nil, fails
		err := run()
		switch {
		case fails > len(Watch.Calls) || fails == 0 && err != nil:
			if err != nil {
				t.Fatalf("nothing failed, but %v", err)
			}
			t.Logf("%d calls", len(Watch.Calls))
			return
		case fails > 0 && !errors.Is(err, ErrBroken):
			t.Errorf("call %d, %s, failed; the error is %v", fails, Watch.Calls[fails-1], err)
		}
	}
}

// try counts a call, and says whether it fails.
func try(what string) error {
	if !Watch.On {
		return nil
	}
	if Watch.Calls = append(Watch.Calls, what); len(Watch.Calls) == Watch.Fails {
		return ErrBroken
	}
	return nil
}

type device struct{ backend.Device }

func (d device) Place(t op.Type, uses []backend.Use) (l backend.Layout, err error) {
	if err := try("place"); err != nil {
		return nil, err
	}
	return d.Device.Place(t, uses)
}

func (d device) Prepare(r backend.Request) (backend.Kernel, error) {
	if err := try("prepare"); err != nil {
		return nil, err
	}
	return d.Device.Prepare(r)
}

func (d device) Alloc(bytes int64) (backend.Memory, error) {
	if err := try("alloc"); err != nil {
		return nil, err
	}
	return d.Device.Alloc(bytes)
}

func (d device) Free(m backend.Memory) error {
	return errors.Join(try("free"), d.Device.Free(m))
}

func (d device) AllocHost(bytes int64) (backend.HostMemory, error) {
	if err := try("alloc host"); err != nil {
		return nil, err
	}
	return d.Device.AllocHost(bytes)
}

func (d device) FreeHost(m backend.HostMemory) error {
	return errors.Join(try("free host"), d.Device.FreeHost(m))
}

func (d device) Upload(dst backend.Buffer, l backend.Layout, src backend.Array) (backend.Transfer, error) {
	if err := try("upload"); err != nil {
		return backend.Transfer{}, err
	}
	return d.Device.Upload(dst, l, src)
}

func (d device) Download(host any, src backend.Buffer, l backend.Layout) error {
	if err := try("download"); err != nil {
		return err
	}
	return d.Device.Download(host, src, l)
}

func (d device) Load(commands []backend.Command, o backend.LoadOptions) (backend.Program, error) {
	if err := try("load"); err != nil {
		return nil, err
	}
	p, err := d.Device.Load(commands, o)
	return program{p}, err
}

func (d device) Sync() error { return errors.Join(try("sync"), d.Device.Sync()) }

func (d device) Close() error { return errors.Join(try("close"), d.Device.Close()) }

type program struct{ backend.Program }

func (p program) Start() {
	Watch.Starts.Add(1)
	p.Program.Start()
}

// KnownTime is that of a program's command.
func KnownTime(command int) time.Duration { return time.Duration(command+1) * 37 * time.Microsecond }

func (p program) Times() []time.Duration {
	times := slices.Clone(p.Program.Times())
	for i := range times {
		if Watch.Known {
			times[i] = KnownTime(i)
		}
	}
	return times
}

func (p program) Close() error { return errors.Join(try("close"), p.Program.Close()) }
