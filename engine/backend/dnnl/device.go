//go:build dnnl

package dnnl

import (
	"fmt"
	"strings"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

func init() { backend.Register(backend.Backend{Name: "dnnl", Open: Open, List: list}) }

// device is a device on the host's CPU whose thread leads an OpenMP team. Its memory lies in huge pages.
type device struct {
	*worker.Host
	team team
}

// Open opens device number index. Any number of devices can be opened; each has Options.Threads threads, or its share
// of the cores.
func Open(index int, o backend.Options) (backend.Device, error) {
	d := &device{team: team{threads: worker.Threads(o)}}
	switch o.Precision {
	case "", "fp32":
	case "bf16":
		if !hasBF16() {
			return nil,
				fmt.Errorf("dnnl:%d: precision bf16 needs a processor with avx512_bf16, and this one is used with %s: use fp32",
					index, isa())
		}
		d.team.bf16 = true
	default:
		return nil, fmt.Errorf("dnnl:%d: precision %q, want %s", index, o.Precision, strings.Join(precisions(), " or "))
	}
	w := worker.New(func() { useThreads(d.team.threads) })
	d.Host = worker.NewHost("dnnl", index, w, func(bytes int64) ([]byte, func(), error) {
		m, err := mapMemory(max(1, bytes))
		if err != nil {
			return nil, nil, err
		}
		w.Start(worker.Func(func() error { m.touch(); return nil })) // the team's own pages
		return m.data[:bytes], m.unmap, nil
	})
	return d, nil
}

func precisions() []string {
	if hasBF16() {
		return []string{"fp32", "bf16"}
	}
	return []string{"fp32"}
}

func list() ([]backend.Info, error) {
	return []backend.Info{describe("dnnl:0", worker.Threads(backend.Options{}))}, nil
}

func describe(name string, threads int) backend.Info {
	return worker.Describe(name, threads, fmt.Sprintf("oneDNN %s with %s", version(), isa()), precisions())
}

// Info describes the host.
func (d *device) Info() backend.Info { return describe(d.Name(), d.team.threads) }

// Has says whether the table has an operation of this name.
func (d *device) Has(operation string) bool {
	_, ok := table[operation]
	return ok
}

// Prepare builds a kernel; what the shim takes for granted is checked here.
func (d *device) Prepare(r backend.Request) (backend.Kernel, error) {
	if err := d.Open(); err != nil {
		return nil, d.Errorf("prepare", err)
	}
	if err := r.Check(); err != nil {
		return nil, d.Errorf("prepare", err)
	}
	if !d.Has(r.Op.Name()) {
		return nil, d.Errorf("prepare", fmt.Errorf("%s: %w", r.Op.Name(), backend.ErrNoKernel))
	}
	in := make([]*layout, len(r.In))
	for i, l := range r.In {
		mine, ok := l.(*layout)
		if !ok {
			return nil, d.Errorf("prepare", fmt.Errorf("%s: input %d: layout %v is another backend's", r.Op.Name(), i, l))
		}
		in[i] = mine
	}
	k, err := prepare(d, r, in)
	if err != nil {
		return nil, d.Errorf("prepare", fmt.Errorf("%s %+v of %v: %w", r.Op.Name(), r.Op, r.InTypes, err))
	}
	return k, nil
}
