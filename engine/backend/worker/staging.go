package worker

import (
	"sync"
	"unsafe"

	"duet/engine/backend"
)

// Staging gives aligned memory for the time between an Upload's call and its turn, and keeps it for the next one.
// T is what the upload remembers in the meantime.
type Staging[T any] struct {
	mu       sync.Mutex
	idle     []*Staged[T] // with memory
	borrowed []*Staged[T] // idle ones without, for lent memory
}

// Staged is memory from a Staging, or lent memory in its place.
type Staged[T any] struct {
	Use  T
	Data []byte // of the size that was asked for
	room []uint64
	from *Staging[T]
	read chan struct{} // nil unless the memory is lent
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
		m = &Staged[T]{from: s, room: make([]uint64, (bytes+7)/8)}
	}
	m.Data = AsBytes(m.room)[:bytes]
	return m
}

// Borrow stands for lent memory, with nothing copied. The memory's Wait waits for Give.
func (s *Staging[T]) Borrow(l *backend.Lent) (*Staged[T], error) {
	m := s.unread()
	if err := l.Reads(m); err != nil {
		s.waited(m)
		return nil, err
	}
	m.Data = l.Data
	return m, nil
}

// unread takes an idle Staged for lent memory, or makes one.
func (s *Staging[T]) unread() *Staged[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.borrowed) - 1
	if last < 0 {
		return &Staged[T]{from: s, read: make(chan struct{}, 1)}
	}
	m := s.borrowed[last]
	s.borrowed = s.borrowed[:last]
	return m
}

func (s *Staging[T]) waited(m *Staged[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Data = nil
	s.borrowed = append(s.borrowed, m)
}

// Wait returns after Give; of lent memory.
func (m *Staged[T]) Wait() error {
	<-m.read
	m.from.waited(m)
	return nil
}

// Give takes memory back when it was read.
func (s *Staging[T]) Give(m *Staged[T]) {
	if m.read != nil {
		m.read <- struct{}{}
		return
	}
	s.mu.Lock()
	s.idle = append(s.idle, m)
	s.mu.Unlock()
}

// AsBytes is a slice of numbers as memory.
func AsBytes[E any](s []E) []byte {
	var e E
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(e)))
}
