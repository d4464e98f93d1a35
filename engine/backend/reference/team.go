package reference

import (
	"sync"
	"sync/atomic"
)

// parts is a kernel bound to memory: n independent pieces of work, in any order and on any thread, each writing outputs
// of its own. run gets scratch of the given number of float64, undefined before and after.
type parts struct {
	n       int
	scratch int
	run     func(part int, scratch []float64)
}

// team is a number of threads that share the parts of one kernel at a time.
type team struct {
	threads int
	calls   chan *call
}

// call is one run of parts. It is reused, so that a run does not allocate.
type call struct {
	parts
	memory []float64 // scratch of all threads
	next   atomic.Int64
	thread atomic.Int64
	left   sync.WaitGroup
}

// newTeam starts the helpers of the thread that calls run.
func newTeam(threads int) *team {
	t := &team{threads: threads, calls: make(chan *call, threads)}
	for range threads - 1 {
		go func() {
			for c := range t.calls {
				c.work()
				c.left.Done()
			}
		}()
	}
	return t
}

func (t *team) close() { close(t.calls) }

// run runs all parts and returns when they are done.
func (t *team) run(c *call) {
	c.next.Store(0)
	c.thread.Store(0)
	for range min(t.threads, c.n) - 1 {
		c.left.Add(1)
		t.calls <- c
	}
	c.work()
	c.left.Wait()
}

func (c *call) work() {
	me := int(c.thread.Add(1)) - 1
	scratch := c.memory[me*c.scratch : (me+1)*c.scratch]
	for {
		part := int(c.next.Add(1)) - 1
		if part >= c.n {
			return
		}
		c.run(part, scratch)
	}
}

// chunk is how many elements an elementwise kernel gives to one part: enough to be worth waking a thread.
const chunk = 1 << 14

// each splits elements 0 to n-1 into chunks.
func each(n int, run func(first, end int)) parts {
	return parts{n: (n + chunk - 1) / chunk, run: func(part int, _ []float64) {
		run(part*chunk, min(n, (part+1)*chunk))
	}}
}
