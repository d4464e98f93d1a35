package worker

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// asleep waits for an event on a goroutine of its own, and returns when that sleeps in all likelihood.
func asleep(e *Event, n uint64) (result chan error) {
	result = make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		close(begun)
		result <- e.Wait(n)
	}()
	<-begun
	time.Sleep(20 * time.Millisecond)
	return result
}

// TestEventWakes: whoever sleeps when an event is signalled or fails is woken, all of them.
func TestEventWakes(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(e *Event)
		want error
	}{
		{"signal", (*Event).Signal, nil},
		{"failure", func(e *Event) { e.Fail(errBroken) }, errBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := NewEvent("e")
			waiters := []chan error{asleep(e, 1), asleep(e, 1)}
			c.end(e)
			within(t, func() {
				for i, w := range waiters {
					if err := <-w; !errors.Is(err, c.want) {
						t.Errorf("waiter %d: %v, want %v", i, err, c.want)
					}
				}
			})
		})
	}
}

// TestEventFailsLater: a failure is one of the runs that have not been signalled, and the first one stays.
func TestEventFailsLater(t *testing.T) {
	e := NewEvent("e")
	e.Signal()
	e.Fail(errBroken)
	e.Fail(errors.New("second"))
	within(t, func() {
		if err := e.Wait(1); err != nil {
			t.Errorf("wait for the run that was signalled: %v", err)
		}
		if err := e.Wait(2); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "waiting for e") {
			t.Errorf("wait for the run that failed: %v, want %v", err, errBroken)
		}
	})
}

// TestEventCounts: a wait for a later run sleeps on when an earlier one is signalled.
func TestEventCounts(t *testing.T) {
	e := NewEvent("e")
	second := asleep(e, 2)
	e.Signal()
	select {
	case err := <-second:
		t.Fatalf("the second run was signalled by the first: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	e.Signal()
	within(t, func() {
		if err := <-second; err != nil {
			t.Error(err)
		}
	})
}
