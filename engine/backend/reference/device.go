package reference

import (
	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

// device is a device on the host's CPU with a team of threads.
type device struct {
	*worker.Host
	wide bool // fp64
	team *team
}

// Info describes the host.
func (d *device) Info() backend.Info { return describe(d.Name(), d.team.threads) }

// Place gives the plain layout, whatever the uses.
func (d *device) Place(t op.Type, _ []backend.Use) (backend.Layout, error) {
	if err := d.Open(); err != nil {
		return nil, d.Errorf("place", err)
	}
	return plain(t, d.wide), nil
}

// Has says whether the table has an operation of this name.
func (d *device) Has(operation string) bool {
	_, ok := table[float32]()[operation]
	return ok
}

func (d *device) Prepare(r backend.Request) (backend.Kernel, error) {
	if err := d.Open(); err != nil {
		return nil, d.Errorf("prepare", err)
	}
	var k backend.Kernel
	var err error
	if d.wide {
		k, err = prepare[float64](d, r)
	} else {
		k, err = prepare[float32](d, r)
	}
	if err != nil {
		return nil, d.Errorf("prepare", err)
	}
	return k, nil
}

// Close ends the threads and frees the memory.
func (d *device) Close() error {
	if d.Open() != nil {
		return nil
	}
	err := d.Host.Close()
	d.team.close()
	return err
}
