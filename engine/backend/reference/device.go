package reference

import (
	"fmt"
	"sync/atomic"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

// device is a worker, a team of threads, and memory of the host.
type device struct {
	name    string
	wide    bool // fp64
	worker  *worker.Worker
	team    *team
	uploads *uploads
	events  atomic.Int64
	closed  bool
}

func (d *device) start(threads int) {
	d.worker = worker.New(nil)
	d.team = newTeam(threads)
	d.uploads = newUploads()
}

func (d *device) Name() string       { return d.name }
func (d *device) Info() backend.Info { return describe(d.name, d.team.threads) }

// Place gives the plain layout, whatever the uses.
func (d *device) Place(t op.Type, _ []backend.Use) (backend.Layout, error) {
	if d.closed {
		return nil, d.errorf("place", worker.ErrClosed)
	}
	return plain(t, d.wide), nil
}

// Has says whether the table has an operation of this name.
func (d *device) Has(operation string) bool {
	_, ok := table[float32]()[operation]
	return ok
}

func (d *device) Prepare(r backend.Request) (backend.Kernel, error) {
	if d.closed {
		return nil, d.errorf("prepare", worker.ErrClosed)
	}
	var k backend.Kernel
	var err error
	if d.wide {
		k, err = prepare[float64](d, r)
	} else {
		k, err = prepare[float32](d, r)
	}
	if err != nil {
		return nil, d.errorf("prepare", err)
	}
	return k, nil
}

func (d *device) NewEvent() (backend.Event, error) {
	if d.closed {
		return nil, d.errorf("new event", worker.ErrClosed)
	}
	return worker.NewEvent(fmt.Sprintf("%s event %d", d.name, d.events.Add(1))), nil
}

func (d *device) Load(commands []backend.Command, o backend.LoadOptions) (backend.Program, error) {
	if d.closed {
		return nil, d.errorf("load", worker.ErrClosed)
	}
	for i, c := range commands {
		if err := d.check(c); err != nil {
			return nil, d.errorf("load", fmt.Errorf("command %d, %s: %w", i, c.Label, err))
		}
	}
	p, err := worker.Load(d.worker, commands, o, bytesOf)
	if err != nil {
		return nil, d.errorf("load", err)
	}
	return p, nil
}

// check refuses what host memory would let pass and a device with memory of its own would not: another device's kernel
// or memory.
func (d *device) check(c backend.Command) error {
	switch c.Kind {
	case backend.Launch:
		k, ok := c.Kernel.(interface{ device() *device })
		if !ok || k.device() != d {
			return fmt.Errorf("kernel %v is another device's", c.Kernel)
		}
		for _, bs := range [][]backend.Buffer{c.In, c.Out, {c.Scratch}} {
			for _, b := range bs {
				if err := d.owns(b); err != nil {
					return err
				}
			}
		}
	case backend.Copy:
		from, ok := c.From.(*device)
		if !ok {
			return fmt.Errorf("copy from %v, another backend's device", c.From)
		}
		if err := from.owns(c.Src); err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if err := d.owns(c.Dst); err != nil {
			return fmt.Errorf("destination: %w", err)
		}
	}
	return nil
}

func (d *device) Sync() error {
	if err := d.worker.Sync(); err != nil {
		return d.errorf("sync", err)
	}
	return nil
}

func (d *device) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	d.worker.Close()
	d.team.close()
	return nil
}

func (d *device) errorf(what string, err error) error {
	return fmt.Errorf("%s: %s: %w", d.name, what, err)
}
