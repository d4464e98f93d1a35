//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"time"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// program is a loaded sequence of commands: runs of launches, enqueued at once, between copies and events.
type program struct {
	on      *device
	actions []action
	stamps  []stamp // a command's, when profiled
	owned   []closer
	bytes   int64   // of the device's memory among them
	joined  *joined // while it is loaded: rows that the next command may add to
	closed  bool
}

// action is what a program does on the device's thread. It only enqueues.
type action struct {
	label   string // empty for launches, which say it themselves
	command int    // index, of a profiled program
	beside  bool   // on the stream of copies between devices
	do      interface{ enqueue(cu.Stream) error }
	event   *event // that it signals, or nil
}

// closer is a resource of a program's.
type closer interface{ free() error }

// stamp is a pair of events around a command, or a command's share of another's time.
type stamp struct {
	begin, end cu.Event
	timed      bool
	of         int
	share      float64 // 0 where the time is its own
}

// Load binds commands to memory.
func (d *device) Load(commands []backend.Command, o backend.LoadOptions) (backend.Program, error) {
	if d.closed {
		return nil, d.errorf("load", worker.ErrClosed)
	}
	p := &program{on: d}
	if o.Profile {
		p.stamps = make([]stamp, len(commands))
	}
	err := d.do(func() error { return p.load(commands) })
	if err != nil {
		d.do(p.free) // its own error is no news after this one
		return nil, d.errorf("load", err)
	}
	return p, nil
}

// load runs on the device's thread.
func (p *program) load(commands []backend.Command) error {
	var open *sequence // of launches, which the next launch may join
	for i, c := range commands {
		if err := p.add(i, c, &open); err != nil {
			return fmt.Errorf("command %d, %s: %w", i, c.Label, err)
		}
	}
	if err := p.settle(); err != nil {
		return err
	}
	for _, a := range p.actions {
		if s, ok := a.do.(*launches); ok && p.stamps == nil && !p.on.check {
			if err := s.capture(p.on.compute); err != nil { // then each launch is enqueued, at the cost of time
				s.graph = nil
				p.on.without("CUDA graphs", fmt.Errorf("%s to %s: %w", s.labels[0], s.labels[len(s.labels)-1], err))
			}
		}
	}
	for i := range p.stamps {
		for _, e := range []*cu.Event{&p.stamps[i].begin, &p.stamps[i].end} {
			var err error
			if *e, err = cu.MakeEvent(cu.DefaultEvent); err != nil {
				return fmt.Errorf("cuEventCreate: %w", err)
			}
		}
	}
	return nil
}

func (p *program) add(i int, c backend.Command, open **sequence) error {
	a := action{label: c.Label, command: i, beside: c.Beside}
	if c.Kind == backend.Launch {
		return p.launch(a, c, open)
	}
	if !c.Beside {
		if err := p.settle(); err != nil {
			return err
		}
	}
	switch c.Kind {
	case backend.Copy:
		copying, err := p.on.copying(c)
		if err != nil {
			return err
		}
		if owned, ok := copying.(closer); ok {
			p.owned = append(p.owned, owned)
		}
		a.do = copying
	case backend.Signal:
		e, ok := c.Event.(*event)
		if !ok || e.on != p.on {
			return fmt.Errorf("signal of %v, another device's event", c.Event)
		}
		a.do, a.event = recording{e}, e
	case backend.Wait:
		e, ok := c.Event.(*event)
		if !ok {
			return fmt.Errorf("event %v is another backend's", c.Event)
		}
		a.do = &awaiting{event: e}
	default:
		return fmt.Errorf("unknown kind %d", c.Kind)
	}
	p.actions = append(p.actions, a)
	if !a.beside {
		*open = nil
	}
	return nil
}

// launch adds a kernel's steps to the open sequence, or to a new one; in a profiled program each kernel has its own. A
// kernel of one row joins the rows before it.
func (p *program) launch(a action, c backend.Command, open **sequence) error {
	k, ok := c.Kernel.(*kernel)
	if !ok || k.on != p.on {
		return fmt.Errorf("kernel %v is another device's", c.Kernel)
	}
	if err := k.takes(c); err != nil {
		return err
	}
	buffers := [...][]backend.Buffer{inputs: c.In, outputs: c.Out, scratch: {c.Scratch}}
	at := func(o operand) cu.DevicePtr {
		if o.space == none {
			return 0
		}
		return address(buffers[o.space][o.index]) + cu.DevicePtr(o.offset)
	}
	if p.joined != nil && len(k.steps) == 1 && p.joined.take(&k.steps[0], at, c.Label, a.command) {
		return nil
	}
	if err := p.settle(); err != nil {
		return err
	}
	if *open == nil || p.stamps != nil {
		l := &launches{on: p.on}
		*open, a.do, a.label = &l.sequence, l, ""
		p.actions = append(p.actions, a)
		p.owned = append(p.owned, l)
	}
	for i := range k.steps {
		s := &k.steps[i]
		if err := p.settle(); err != nil {
			return err
		}
		if s.elements == 0 {
			(*open).add(s, at, c.Label)
			continue
		}
		p.joined = &joined{sequence: *open, step: s}
		p.joined.take(s, at, c.Label, a.command)
	}
	return nil
}

// takes checks the buffers of a launch.
func (k *kernel) takes(c backend.Command) error {
	if len(c.In) != len(k.in) || len(c.Out) != len(k.out) {
		return fmt.Errorf("%d inputs and %d outputs, want %d and %d", len(c.In), len(c.Out), len(k.in), len(k.out))
	}
	for i, b := range c.In {
		if _, err := k.on.room(b, k.in[i].Bytes()); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	for i, b := range c.Out {
		if _, err := k.on.room(b, k.out[i].Bytes()); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	if _, err := k.on.room(c.Scratch, k.scratch); err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	return nil
}

// Start enqueues one run.
func (p *program) Start() { p.on.worker.Start(p) }

// Run is one run, on the device's thread. After a failure the events that were still to be signalled fail, so that no
// other device waits for ever.
func (p *program) Run() error {
	for i := range p.actions {
		if err := p.enqueue(&p.actions[i]); err != nil {
			if label := p.actions[i].label; label != "" {
				err = fmt.Errorf("%s: %w", label, err)
			}
			for _, a := range p.actions[i:] {
				if a.event != nil {
					a.event.Fail(err)
				}
			}
			return err
		}
	}
	return nil
}

func (p *program) enqueue(a *action) error {
	stream := p.on.compute
	if a.beside {
		stream = p.on.exchange
	}
	if p.stamps == nil {
		return a.do.enqueue(stream)
	}
	s := &p.stamps[a.command]
	s.timed = false
	if err := s.begin.Record(stream); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	if err := a.do.enqueue(stream); err != nil {
		return err
	}
	if err := s.end.Record(stream); err != nil {
		return fmt.Errorf("cuEventRecord: %w", err)
	}
	s.timed = true
	return nil
}

// Times are how long the commands of the latest run took on the GPU, and how long it waited for other devices. Those
// that are one launch share its time by their elements, as they share its work.
func (p *program) Times() []time.Duration {
	if p.stamps == nil {
		return nil
	}
	times := make([]time.Duration, len(p.stamps))
	p.on.do(func() error {
		for i, s := range p.stamps {
			share := 1.
			if s.share > 0 {
				share, s = s.share, p.stamps[s.of]
			}
			if !s.timed {
				continue
			}
			if ms, err := s.begin.Elapsed(s.end); err == nil {
				times[i] = time.Duration(share * ms * float64(time.Millisecond))
			}
		}
		return nil
	})
	return times
}

// Bytes are those of the device that the program keeps for itself.
func (p *program) Bytes() int64 { return p.bytes }

// Close waits for the runs and frees the program's own resources.
func (p *program) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	if p.on.closed { // the context is gone, and with it what lived there
		return nil
	}
	p.on.Sync() // its error is the work's
	var err error
	p.on.do(func() error { err = p.free(); return nil })
	if err != nil && !p.on.failed.Load() {
		return p.on.errorf("close a program", err)
	}
	return nil
}

// free runs on the device's thread.
func (p *program) free() error {
	var errs []error
	for _, o := range p.owned {
		errs = append(errs, o.free())
	}
	for i := range p.stamps {
		for _, e := range []*cu.Event{&p.stamps[i].begin, &p.stamps[i].end} {
			if *e != (cu.Event{}) {
				errs = append(errs, cu.DestroyEvent(e))
			}
		}
	}
	p.owned, p.stamps = nil, nil
	return errors.Join(errs...)
}

// launches is a run of kernels' steps.
type launches struct {
	sequence
	on *device
}

func (l *launches) enqueue(stream cu.Stream) error { return l.sequence.enqueue(stream, l.on.check) }

type recording struct{ event *event }

func (r recording) enqueue(stream cu.Stream) error { return r.event.record(stream) }

// awaiting counts its own runs: the n-th run waits for the n-th signal.
type awaiting struct {
	event *event
	runs  uint64
}

func (a *awaiting) enqueue(stream cu.Stream) error {
	a.runs++
	return a.event.await(a.runs, stream)
}
