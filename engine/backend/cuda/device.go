//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

func init() { backend.Register(backend.Backend{Name: "cuda", Open: Open, List: list}) }

// device is three streams of a GPU: of its primary context, which the devices of one GPU share, as in devices.towers =
// ["cuda:0", "cuda:0"], so that their kernels run side by side. With Options.Apart it has a context of its own.
type device struct {
	name        string
	gpu         cu.Device
	context     cu.CUContext
	apart       bool           // the context is its own
	worker      *worker.Worker // its thread has the context
	compute     cu.Stream      // kernels, and what must be in order with them
	exchange    cu.Stream      // copies from other devices beside them
	copies      cu.Stream      // uploads beside them
	module      *modules
	uploads     *uploads
	fetch       fetch
	hosts       hosts
	activations element
	check       bool // wait for every launch
	capability  int  // 80 for 8.0
	limits      limits
	choices     choices
	live        map[*memory]bool
	reached     map[*device]bool // whose memory the GPU reads by itself
	tables      map[string]*rowTable
	finish      worker.Job
	events      []*event
	count       atomic.Int64    // of events
	lacks       map[string]bool // what the log was told that the device does without
	closed      bool
	failed      atomic.Bool
}

// Open opens a device of GPU number index.
func Open(index int, o backend.Options) (backend.Device, error) {
	name := fmt.Sprintf("cuda:%d", index)
	if err := driverProblem(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := &device{name: name, check: o.Check, apart: o.Apart, live: map[*memory]bool{},
		hosts: hosts{live: map[*hostMemory]bool{}}, reached: map[*device]bool{}, tables: map[string]*rowTable{},
		choices: newChoices(o)}
	switch o.Precision {
	case "", "fp32":
	case "bf16":
		d.activations = bfloat16
	default:
		return nil, fmt.Errorf("%s: precision %q, want %s", name, o.Precision, strings.Join(precisions, " or "))
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("%s: cuDeviceGetCount: %w", name, err)
	}
	if index >= n {
		return nil, backend.UnknownDevice("%s: this machine has %d GPUs", name, n)
	}
	if d.gpu, err = cu.GetDevice(index); err != nil {
		return nil, fmt.Errorf("%s: cuDeviceGet: %w", name, err)
	}
	if d.module, err = newModules(d); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d.worker = worker.New(nil)
	d.finish = worker.Func(d.finished)
	d.uploads = newUploads(d)
	if err := d.do(d.enter); err != nil {
		err = errors.Join(d.errorf("open", err), d.Close())
		return nil, err
	}
	return d, nil
}

// precisions that a device can be opened in.
var precisions = []string{"fp32", "bf16"}

// enter makes the context and what lives in it; on the worker's thread.
func (d *device) enter() (err error) {
	if d.capability, d.limits, err = ask(d.gpu); err != nil {
		return err
	}
	if d.apart {
		if d.context, err = d.gpu.MakeContext(cu.SchedAuto); err != nil { // which is current then
			return fmt.Errorf("cuCtxCreate: %w", err)
		}
	} else {
		context, err := d.gpu.RetainPrimaryCtx()
		if err != nil {
			return fmt.Errorf("cuDevicePrimaryCtxRetain: %w", err)
		}
		d.context = context
		if err := cu.SetCurrentContext(d.context); err != nil {
			return fmt.Errorf("cuCtxSetCurrent: %w", err)
		}
	}
	for _, s := range []*cu.Stream{&d.compute, &d.exchange, &d.copies} {
		if *s, err = cu.MakeStream(cu.NonBlocking); err != nil {
			return fmt.Errorf("cuStreamCreate: %w", err)
		}
	}
	return nil
}

// do runs a function on the device's thread and waits for it. Its error does not stick; an earlier failure of the
// device comes out as well.
func (d *device) do(f func() error) error {
	var err error
	d.worker.Start(worker.Func(func() error { err = f(); return nil }))
	sticky := d.worker.Sync()
	if err != nil {
		return err
	}
	return sticky
}

// without tells the log, once, what the device does without, and why: that is slower, and changes no number.
func (d *device) without(what string, why error) {
	if d.choices.log == nil || d.lacks[what] {
		return
	}
	if d.lacks == nil {
		d.lacks = map[string]bool{}
	}
	d.lacks[what] = true
	d.choices.log(fmt.Sprintf("%s: without %s: %v", d.name, what, why))
}

// errorf says in which call of the device something went wrong.
func (d *device) errorf(call string, err error) error {
	isOf := func(failed error) bool { return errors.Is(err, failed) }
	if !d.check && slices.ContainsFunc(kernelErrors, isOf) {
		return fmt.Errorf("%s: %s: %w: a kernel failed while it ran; devices.check = true tells which", d.name, call, err)
	}
	return fmt.Errorf("%s: %s: %w", d.name, call, err)
}

// kernelErrors are what the driver answers after a kernel failed while it ran, to whichever call comes next.
var kernelErrors = []error{cu.IllegalAddress, cu.LaunchTimeout, cu.Assert, cu.HardwareStackError, cu.IllegalInstruction,
	cu.MisalignedAddress, cu.InvalidAddressSpace, cu.InvalidPc, cu.LaunchFailed}

// open is an error when the device is closed.
func (d *device) open() error {
	if d.closed {
		return worker.ErrClosed
	}
	return nil
}

// Name is such as "cuda:0".
func (d *device) Name() string { return d.name }

// Has says whether the table has an operation of this name.
func (d *device) Has(operation string) bool {
	_, ok := table[operation]
	return ok
}

// Prepare lays out a kernel.
func (d *device) Prepare(r backend.Request) (backend.Kernel, error) {
	if err := d.open(); err != nil {
		return nil, d.errorf("prepare", err)
	}
	if err := r.Check(); err != nil {
		return nil, d.errorf("prepare", err)
	}
	if !d.Has(r.Op.Name()) {
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
	k, err := prepare(d, r, in)
	if err != nil {
		return nil, d.errorf("prepare", fmt.Errorf("%s %+v of %s: %w", r.Op.Name(), r.Op, describe(in), err))
	}
	return k, nil
}

// finished waits for the GPU; on the worker's thread.
func (d *device) finished() error {
	for _, s := range []cu.Stream{d.compute, d.exchange} {
		if err := s.Synchronize(); err != nil {
			return fmt.Errorf("cuStreamSynchronize: %w", err)
		}
	}
	return nil
}

// Sync waits for everything enqueued and returns the first error since the device was opened.
func (d *device) Sync() error {
	d.worker.Start(d.finish)
	if err := d.worker.Sync(); err != nil {
		if !d.closed {
			d.failed.Store(true)
		}
		return d.errorf("sync", err)
	}
	return nil
}

// Close frees everything. After a failure the driver refuses to clean up, and the process's end does it.
func (d *device) Close() error {
	if d.closed {
		return nil
	}
	d.Sync() // its error is the work's; what is freed must not be in use
	d.closed = true
	var err error
	d.worker.Start(worker.Func(func() error { err = d.leave(); return nil }))
	d.worker.Close()
	if err != nil && !d.failed.Load() {
		return d.errorf("close", err)
	}
	return nil
}

// leave frees what lives in the context, and the context; on the worker's thread.
func (d *device) leave() error {
	var errs []error
	note := func(call string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", call, err))
		}
	}
	note("free uploads", d.uploads.free())
	note("free host memory", errors.Join(d.fetch.free(), d.unpinAll()))
	for m := range d.live {
		note("cuMemFree", cu.MemFree(m.at))
	}
	for _, e := range d.events {
		note("cuEventDestroy", e.destroy())
	}
	for _, s := range []*cu.Stream{&d.compute, &d.exchange, &d.copies} {
		if *s != (cu.Stream{}) {
			note("cuStreamDestroy", s.Destroy())
		}
	}
	note("", d.module.unload())
	switch {
	case d.context == cu.CUContext{}:
	case d.apart:
		note("cuCtxDestroy", d.context.Destroy())
	default:
		note("cuCtxSetCurrent", cu.SetCurrentContext(cu.CUContext{}))
		note("cuDevicePrimaryCtxRelease", d.gpu.ReleasePrimaryCtx())
	}
	return errors.Join(errs...)
}
