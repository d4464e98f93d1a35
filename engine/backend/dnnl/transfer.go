//go:build dnnl

package dnnl

import (
	"fmt"
	"sync"
	"unsafe"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// Upload copies the host array aside at once, and to the buffer when its turn comes.
func (d *device) Upload(dst backend.Buffer, l backend.Layout, host any) error {
	mine, data, source, err := d.transfer(dst, l, host)
	if err != nil {
		return d.errorf("upload", err)
	}
	u := d.uploads.take(len(source.data))
	u.layout, u.dst, u.element = mine, data, source.element
	copy(u.staged, source.data)
	d.worker.Start(u)
	return nil
}

// Download waits for everything enqueued.
func (d *device) Download(host any, src backend.Buffer, l backend.Layout) error {
	mine, data, target, err := d.transfer(src, l, host)
	if err != nil {
		return d.errorf("download", err)
	}
	if err := d.worker.Sync(); err != nil {
		return d.errorf("download", err)
	}
	if err := mine.download(data, unsafe.Pointer(unsafe.SliceData(target.data)), target.element); err != nil {
		return d.errorf("download", err)
	}
	return nil
}

func (d *device) transfer(b backend.Buffer, l backend.Layout, host any) (*layout, []byte, hostArray, error) {
	if d.closed {
		return nil, nil, hostArray{}, worker.ErrClosed
	}
	mine, ok := l.(*layout)
	if !ok {
		return nil, nil, hostArray{}, fmt.Errorf("layout %v is another backend's", l)
	}
	if err := d.owns(b); err != nil {
		return nil, nil, hostArray{}, err
	}
	data, err := bytesOf(b)
	if err != nil {
		return nil, nil, hostArray{}, err
	}
	if int64(len(data)) < mine.Bytes() {
		return nil, nil, hostArray{}, fmt.Errorf("buffer of %d bytes for %v of %d", len(data), l, mine.Bytes())
	}
	array, err := bytesOfHost(host)
	if err != nil {
		return nil, nil, hostArray{}, err
	}
	if err := mine.takes(array); err != nil {
		return nil, nil, hostArray{}, err
	}
	return mine, data[:mine.Bytes()], array, nil
}

// hostArray is a host array as bytes.
type hostArray struct {
	data    []byte
	element element
	length  int
	kind    string
}

func bytesOfHost(host any) (hostArray, error) {
	switch h := host.(type) {
	case []float32:
		return hostArray{bytesAs(h), float32s, len(h), "float32"}, nil
	case []uint8:
		return hostArray{h, bytes8, len(h), "uint8"}, nil
	case []int32:
		return hostArray{bytesAs(h), words32, len(h), "int32"}, nil
	case []uint32:
		return hostArray{bytesAs(h), words32, len(h), "uint32"}, nil
	}
	return hostArray{}, fmt.Errorf("host array is a %T, want []float32, []uint8, []int32 or []uint32", host)
}

// bytesAs is a slice of numbers as memory.
func bytesAs[E any](s []E) []byte {
	var e E
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(e)))
}

// takes checks that an array has the elements of a layout.
func (l *layout) takes(h hostArray) error {
	wanted := l.element
	if wanted == bfloat16 {
		wanted = float32s
	}
	if h.element != wanted || h.length != l.length {
		return fmt.Errorf("host array of %d %s for %v of %d elements", h.length, h.kind, l, l.length)
	}
	return nil
}

// uploads keeps the memory of finished uploads for the next ones.
type uploads struct {
	mu   sync.Mutex
	idle []*upload
}

type upload struct {
	from    *uploads
	layout  *layout
	element element
	dst     []byte
	staged  []byte
	room    []uint64 // aligned memory behind staged
}

// take finds the smallest idle upload with room, or makes one.
func (us *uploads) take(bytes int) *upload {
	us.mu.Lock()
	defer us.mu.Unlock()
	best := -1
	for i, u := range us.idle {
		if len(u.room)*8 >= bytes && (best < 0 || len(u.room) < len(us.idle[best].room)) {
			best = i
		}
	}
	var u *upload
	if best >= 0 {
		last := len(us.idle) - 1
		u = us.idle[best]
		us.idle[best] = us.idle[last]
		us.idle = us.idle[:last]
	} else {
		u = &upload{from: us, room: make([]uint64, (bytes+7)/8)}
	}
	u.staged = bytesAs(u.room)[:bytes]
	return u
}

// Run is the upload's turn.
func (u *upload) Run() error {
	err := u.layout.upload(u.dst, unsafe.Pointer(unsafe.SliceData(u.staged)), u.element)
	u.layout, u.dst = nil, nil
	u.from.mu.Lock()
	u.from.idle = append(u.from.idle, u)
	u.from.mu.Unlock()
	return err
}
