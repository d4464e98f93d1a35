//go:build dnnl

package dnnl

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

func init() { backend.Register(backend.Backend{Name: "dnnl", Open: Open, List: list}) }

// device is an arena of memory and a worker whose thread leads an OpenMP team.
type device struct {
	name    string
	team    team
	worker  *worker.Worker
	uploads uploads
	events  atomic.Int64
	live    map[*memory]bool // not freed yet
	closed  bool
}

// Open opens device number index. Any number of devices can be opened; each has Options.Threads threads, or its share
// of the cores.
func Open(index int, o backend.Options) (backend.Device, error) {
	d := &device{name: fmt.Sprintf("dnnl:%d", index), live: map[*memory]bool{}}
	switch o.Precision {
	case "", "fp32":
	case "bf16":
		if !hasBF16() {
			return nil, fmt.Errorf("%s: precision bf16 needs a processor with avx512_bf16, and this one is used with %s: use fp32", d.name, isa())
		}
		d.team.bf16 = true
	default:
		return nil, fmt.Errorf("%s: precision %q, want %s", d.name, o.Precision, strings.Join(precisions(), " or "))
	}
	d.team.threads = o.Threads
	if o.Threads <= 0 {
		d.team.threads = max(1, runtime.GOMAXPROCS(0)/max(1, o.Devices))
	}
	d.worker = worker.New(func() { useThreads(d.team.threads) })
	return d, nil
}

func precisions() []string {
	if hasBF16() {
		return []string{"fp32", "bf16"}
	}
	return []string{"fp32"}
}

func list() ([]backend.Info, error) {
	return []backend.Info{describe("dnnl:0", runtime.GOMAXPROCS(0))}, nil
}

func describe(name string, threads int) backend.Info {
	memory := procFile("/proc/meminfo", "MemTotal", "MemAvailable")
	var kib [2]int64
	for i, text := range memory {
		fmt.Sscan(text, &kib[i])
	}
	model := procFile("/proc/cpuinfo", "model name")[0]
	if model == "" {
		model = runtime.GOARCH
	}
	return backend.Info{
		Name:        name,
		Description: fmt.Sprintf("%s, oneDNN %s with %s", model, version(), isa()),
		TotalBytes:  kib[0] << 10,
		FreeBytes:   kib[1] << 10,
		Units:       threads,
		Precisions:  precisions(),
	}
}

// procFile finds the first value of each key in a file of Linux's lines "key : value"; "" where there is none.
func procFile(path string, keys ...string) []string {
	values := make([]string, len(keys))
	f, err := os.Open(path)
	if err != nil {
		return values
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), ":")
		for i, k := range keys {
			if values[i] == "" && strings.TrimSpace(key) == k {
				values[i] = strings.TrimSpace(value)
			}
		}
	}
	return values
}

func (d *device) Name() string       { return d.name }
func (d *device) Info() backend.Info { return describe(d.name, d.team.threads) }

// Has says whether the table has an operation of this name.
func (d *device) Has(operation string) bool {
	_, ok := table[operation]
	return ok
}

func (d *device) Prepare(r backend.Request) (backend.Kernel, error) {
	switch {
	case d.closed:
		return nil, d.errorf("prepare", worker.ErrClosed)
	case r.Op == nil:
		return nil, d.errorf("prepare", fmt.Errorf("no operation: %w", backend.ErrNoKernel))
	case !d.Has(r.Op.Name()):
		return nil, d.errorf("prepare", fmt.Errorf("%s: %w", r.Op.Name(), backend.ErrNoKernel))
	}
	in := make([]*layout, len(r.In))
	for i, l := range r.In {
		mine, ok := l.(*layout)
		if !ok {
			return nil, d.errorf("prepare", fmt.Errorf("%s: input %d: layout %v is another backend's", r.Op.Name(), i, l))
		}
		in[i] = mine
	}
	k, err := d.prepare(r, in)
	if err != nil {
		return nil, d.errorf("prepare", fmt.Errorf("%s %+v of %v: %w", r.Op.Name(), r.Op, r.InTypes, err))
	}
	return k, nil
}

// prepare checks what the shim takes for granted.
func (d *device) prepare(r backend.Request, in []*layout) (*kernel, error) {
	if len(in) != len(r.InTypes) {
		return nil, fmt.Errorf("%d layouts for %d inputs", len(in), len(r.InTypes))
	}
	first, err := r.Op.Infer(r.InTypes)
	if err != nil {
		return nil, err
	}
	out := []op.Type{first}
	if _, is := r.Op.(op.SGD); is {
		out = append(out, first) // the velocity
	}
	if r.Companion != nil {
		c, is := r.Companion.(op.Companion)
		if !is || c.Primary() != r.Op {
			return nil, fmt.Errorf("with %s beside it: %w", r.Companion.Name(), backend.ErrNoKernel)
		}
		second, err := c.Infer(r.InTypes)
		if err != nil {
			return nil, err
		}
		out = append(out, second)
	}
	if !slices.EqualFunc(r.OutTypes, out, op.Type.Equal) {
		return nil, fmt.Errorf("outputs %v, want %v", r.OutTypes, out)
	}
	return prepare(d, r, in)
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

// check refuses kernels and memory of other devices, which the host's memory would let pass.
func (d *device) check(c backend.Command) error {
	switch c.Kind {
	case backend.Launch:
		if k, ok := c.Kernel.(interface{ device() *device }); !ok || k.device() != d {
			return fmt.Errorf("kernel %v is another device's", c.Kernel)
		}
		for _, buffers := range [][]backend.Buffer{c.In, c.Out, {c.Scratch}} {
			for _, b := range buffers {
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

// Close ends the worker after its jobs and frees the memory.
func (d *device) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	d.worker.Close()
	for m := range d.live {
		m.release()
	}
	return nil
}

func (d *device) errorf(what string, err error) error {
	return fmt.Errorf("%s: %s: %w", d.name, what, err)
}
