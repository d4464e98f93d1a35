package worker

import (
	"fmt"
	"time"

	"duet/engine/backend"
)

// Kernel is a kernel of a device that computes on the host's CPU.
type Kernel interface {
	backend.Kernel
	// On is the device that prepared it.
	On() *Host
	// Bind makes the job that runs the kernel on these bytes, which stay where they are as long as the job lives.
	Bind(in, out [][]byte, scratch []byte) (Job, error)
}

// Program is a backend.Program whose commands run on a worker.
type Program struct {
	worker *Worker
	steps  []step
	times  []time.Duration // nil unless profiled
}

type step struct {
	label string
	job   Job
	event *Event // that the job signals, or nil
}

// Load binds commands to memory. bytes gives the host memory behind a buffer of any device of the backend.
func Load(w *Worker, commands []backend.Command, o backend.LoadOptions,
	bytes func(backend.Buffer) ([]byte, error)) (*Program, error) {
	p := &Program{worker: w, steps: make([]step, len(commands))}
	for i, c := range commands {
		s, err := bind(c, bytes)
		if err != nil {
			return nil, fmt.Errorf("load command %d, %s: %w", i, c.Label, err)
		}
		p.steps[i] = s
	}
	if o.Profile {
		p.times = make([]time.Duration, len(commands))
	}
	return p, nil
}

func bind(c backend.Command, bytes func(backend.Buffer) ([]byte, error)) (step, error) {
	s := step{label: c.Label}
	switch c.Kind {
	case backend.Launch:
		k, ok := c.Kernel.(Kernel)
		if !ok {
			return s, fmt.Errorf("kernel %v is another backend's", c.Kernel)
		}
		in, err := all(c.In, bytes)
		if err != nil {
			return s, err
		}
		out, err := all(c.Out, bytes)
		if err != nil {
			return s, err
		}
		scratch, err := bytes(c.Scratch)
		if err != nil {
			return s, err
		}
		s.job, err = k.Bind(in, out, scratch)
		return s, err
	case backend.Copy:
		dst, err := bytes(c.Dst)
		if err != nil {
			return s, err
		}
		src, err := bytes(c.Src)
		if err != nil {
			return s, err
		}
		if len(dst) != len(src) {
			return s, fmt.Errorf("copy of %d bytes to %d", len(src), len(dst))
		}
		s.job = copying{dst, src}
		return s, nil
	}
	e, ok := c.Event.(*Event)
	if !ok {
		return s, fmt.Errorf("event %v is another backend's", c.Event)
	}
	if c.Kind == backend.Signal {
		s.job, s.event = signalling{e}, e
		return s, nil
	}
	s.job = &waiting{event: e}
	return s, nil
}

func all(buffers []backend.Buffer, bytes func(backend.Buffer) ([]byte, error)) ([][]byte, error) {
	out := make([][]byte, len(buffers))
	for i, b := range buffers {
		var err error
		if out[i], err = bytes(b); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Start enqueues one run.
func (p *Program) Start() { p.worker.Start(p) }

// Times are how long the commands of the latest run took.
func (p *Program) Times() []time.Duration { return p.times }

// Close frees nothing: the memory is the device's.
func (p *Program) Close() error { return nil }

// Run is one run, on the worker's thread. After a failure the events that were still to be signalled fail, so that no
// other device waits for ever.
func (p *Program) Run() error {
	for i := range p.steps {
		var start time.Time
		if p.times != nil {
			start = time.Now()
		}
		if err := p.steps[i].job.Run(); err != nil {
			err = fmt.Errorf("%s: %w", p.steps[i].label, err)
			for _, s := range p.steps[i:] {
				if s.event != nil {
					s.event.Fail(err)
				}
			}
			return err
		}
		if p.times != nil {
			p.times[i] = time.Since(start)
		}
	}
	return nil
}

type copying struct{ dst, src []byte }

func (c copying) Run() error { copy(c.dst, c.src); return nil }

type signalling struct{ event *Event }

func (s signalling) Run() error { s.event.Signal(); return nil }

// waiting counts its own runs: the n-th run waits for the n-th signal.
type waiting struct {
	event *Event
	runs  uint64
}

func (w *waiting) Run() error {
	w.runs++
	return w.event.Wait(w.runs)
}
