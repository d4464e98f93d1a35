package worker

import (
	"fmt"
	"sync"
)

// Event is the event of devices that share the host's memory: a count of signals.
type Event struct {
	name    string
	mu      sync.Mutex
	changed *sync.Cond
	signals uint64
	failed  error
}

// NewEvent makes an event that has not been signalled.
func NewEvent(name string) *Event {
	e := &Event{name: name}
	e.changed = sync.NewCond(&e.mu)
	return e
}

func (e *Event) String() string { return e.name }

// Signal counts one more run as done.
func (e *Event) Signal() {
	e.mu.Lock()
	e.signals++
	e.mu.Unlock()
	e.changed.Broadcast()
}

// Fail ends all present and future waits with an error.
func (e *Event) Fail(err error) {
	e.mu.Lock()
	if e.failed == nil {
		e.failed = err
	}
	e.mu.Unlock()
	e.changed.Broadcast()
}

// Wait returns after the n-th signal, n from 1.
func (e *Event) Wait(n uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.signals < n && e.failed == nil {
		e.changed.Wait()
	}
	if e.signals < n {
		return fmt.Errorf("waiting for %s: %w", e.name, e.failed)
	}
	return nil
}
