// Package worker is the asynchronous, ordered queue of a device that computes on the host's CPU: one goroutine locked
// to one operating-system thread, as an OpenMP team belongs to the thread that started it.
package worker

import (
	"errors"
	"runtime"
	"sync"
)

// Job is a piece of work in a queue. It must not panic.
type Job interface{ Run() error }

// ErrClosed says that a device was used after Close.
var ErrClosed = errors.New("device is closed")

// Worker runs jobs in the order in which they were given.
type Worker struct {
	jobs   chan Job
	done   chan struct{}
	mu     sync.Mutex
	failed error // the first error; sticky
	closed bool
	idle   chan *barrier // kept, so that Sync does not allocate
}

// New starts a worker. start, unless nil, runs first on its thread.
func New(start func()) *Worker {
	w := &Worker{jobs: make(chan Job, 16), done: make(chan struct{}), idle: make(chan *barrier, 2)}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(w.done)
		if start != nil {
			start()
		}
		for j := range w.jobs {
			w.run(j)
		}
	}()
	return w
}

func (w *Worker) run(j Job) {
	if b, ok := j.(*barrier); ok { // waiters are answered even after a failure
		b.reached <- struct{}{}
		return
	}
	err := j.Run()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
	}
}

// Start enqueues a job. It does not allocate. After Close it does nothing, and the next Sync says so.
func (w *Worker) Start(j Job) {
	if !w.closed {
		w.jobs <- j
	}
}

type barrier struct{ reached chan struct{} }

func (*barrier) Run() error { return nil }

// barrier takes an idle barrier, or makes one.
func (w *Worker) barrier() *barrier {
	select {
	case b := <-w.idle:
		return b
	default:
		return &barrier{make(chan struct{}, 1)}
	}
}

// Sync waits for all jobs given so far and returns the first error of any.
func (w *Worker) Sync() error {
	if w.closed {
		return ErrClosed
	}
	b := w.barrier()
	w.jobs <- b
	<-b.reached
	select {
	case w.idle <- b:
	default: // enough are kept
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// Func is a function as a job.
type Func func() error

// Run calls f.
func (f Func) Run() error { return f() }

// Do enqueues a function, waits for it, and returns its error, which does not stick.
func (w *Worker) Do(f func() error) error {
	if w.closed {
		return ErrClosed
	}
	var err error
	w.Start(Func(func() error { err = f(); return nil }))
	if sticky := w.Sync(); sticky != nil {
		return sticky
	}
	return err
}

// Close ends the worker after its jobs.
func (w *Worker) Close() {
	if w.closed {
		return
	}
	w.closed = true
	close(w.jobs)
	<-w.done
}
