package worker

import (
	"sync"
	"unsafe"
)

// Staging lends aligned memory for the time between an Upload's call and its turn, and keeps it for the next one.
// T is what the upload remembers in the meantime.
type Staging[T any] struct {
	mu   sync.Mutex
	idle []*Staged[T]
}

// Staged is memory from a Staging.
type Staged[T any] struct {
	Use  T
	Data []byte // of the size that was asked for
	room []uint64
}

// Take finds the smallest idle memory with room, or makes some.
func (s *Staging[T]) Take(bytes int) *Staged[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	best := -1
	for i, m := range s.idle {
		if len(m.room)*8 >= bytes && (best < 0 || len(m.room) < len(s.idle[best].room)) {
			best = i
		}
	}
	var m *Staged[T]
	if best >= 0 {
		last := len(s.idle) - 1
		m = s.idle[best]
		s.idle[best] = s.idle[last]
		s.idle = s.idle[:last]
	} else {
		m = &Staged[T]{room: make([]uint64, (bytes+7)/8)}
	}
	m.Data = AsBytes(m.room)[:bytes]
	return m
}

// Give takes memory back.
func (s *Staging[T]) Give(m *Staged[T]) {
	s.mu.Lock()
	s.idle = append(s.idle, m)
	s.mu.Unlock()
}

// AsBytes is a slice of numbers as memory.
func AsBytes[E any](s []E) []byte {
	var e E
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(e)))
}
