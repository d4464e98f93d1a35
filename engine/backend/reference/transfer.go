package reference

import (
	"fmt"
	"sync"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

// Upload copies the host array aside at once and to the buffer when its turn comes.
func (d *device) Upload(dst backend.Buffer, l backend.Layout, host any) error {
	mine, data, err := d.transfer(dst, l, host)
	if err != nil {
		return d.errorf("upload", err)
	}
	u := d.uploads.take(len(data))
	u.dst = data
	if err := convert(u.staged, mine, host, true); err != nil {
		d.uploads.give(u)
		return d.errorf("upload", err)
	}
	d.worker.Start(u)
	return nil
}

// Download waits for everything enqueued.
func (d *device) Download(host any, src backend.Buffer, l backend.Layout) error {
	mine, data, err := d.transfer(src, l, host)
	if err != nil {
		return d.errorf("download", err)
	}
	if err := d.worker.Sync(); err != nil {
		return d.errorf("download", err)
	}
	if err := convert(data, mine, host, false); err != nil {
		return d.errorf("download", err)
	}
	return nil
}

func (d *device) transfer(b backend.Buffer, l backend.Layout, host any) (layout, []byte, error) {
	if d.closed {
		return layout{}, nil, worker.ErrClosed
	}
	mine, err := d.own(l)
	if err != nil {
		return layout{}, nil, err
	}
	if err := d.owns(b); err != nil {
		return layout{}, nil, err
	}
	data, err := bytesOf(b)
	if err != nil {
		return layout{}, nil, err
	}
	if int64(len(data)) < mine.Bytes() {
		return layout{}, nil, fmt.Errorf("buffer of %d bytes for %v of %d", len(data), l, mine.Bytes())
	}
	return mine, data[:mine.Bytes()], nil
}

// convert copies between memory in a layout and a host array of the layout's elements.
func convert(data []byte, l layout, host any, up bool) error {
	n, wanted := 0, l.dtype
	switch h := host.(type) {
	case []float32:
		n = len(h)
		if n == l.len && wanted == op.Float {
			if l.wide {
				cast(elements[float64](data, n), h, up)
			} else {
				cast(elements[float32](data, n), h, up)
			}
			return nil
		}
	case []float64:
		n = len(h)
		if n == l.len && wanted == op.Float && l.wide {
			cast(elements[float64](data, n), h, up)
			return nil
		}
	case []uint8:
		n = len(h)
		if n == l.len && wanted == op.Uint8 {
			cast(data, h, up)
			return nil
		}
	case []int32:
		n = len(h)
		if n == l.len && wanted == op.Int32 {
			cast(elements[int32](data, n), h, up)
			return nil
		}
	case []uint32:
		n = len(h)
		if n == l.len && wanted == op.Uint32 {
			cast(elements[uint32](data, n), h, up)
			return nil
		}
	}
	return fmt.Errorf("host array %T of %d elements for %v", host, n, l)
}

func cast[D, H uint8 | int32 | uint32 | float32 | float64](device []D, host []H, up bool) {
	if up {
		for i, v := range host {
			device[i] = D(v)
		}
		return
	}
	for i, v := range device {
		host[i] = H(v)
	}
}

// uploads keeps the memory of finished uploads for the next ones.
type uploads struct {
	mu   sync.Mutex
	idle []*upload
}

type upload struct {
	from        *uploads
	staged, dst []byte
	room        []uint64 // aligned memory behind staged
}

func newUploads() *uploads { return &uploads{} }

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

func (us *uploads) give(u *upload) {
	us.mu.Lock()
	us.idle = append(us.idle, u)
	us.mu.Unlock()
}

// Run is the upload's turn.
func (u *upload) Run() error {
	copy(u.dst, u.staged)
	u.from.give(u)
	return nil
}
