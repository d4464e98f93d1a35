//go:build dnnl

package dnnl

import (
	"fmt"
	"unsafe"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// Upload copies the host array aside at once, and to the buffer when its turn comes; lent memory only then.
func (d *device) Upload(dst backend.Buffer, l backend.Layout, host any) error {
	lent, isLent := host.(*backend.Lent)
	if isLent {
		var err error
		if host, err = lent.Array(); err != nil {
			return d.Errorf("upload", err)
		}
	}
	mine, data, source, err := d.transfer(dst, l, host)
	if err != nil {
		return d.Errorf("upload", err)
	}
	var staged *worker.Staged[upload]
	if isLent {
		if staged, err = d.staging.Borrow(lent); err != nil {
			return d.Errorf("upload", err)
		}
	} else {
		staged = d.staging.Take(len(source.data))
		copy(staged.Data, source.data)
	}
	staged.Use = upload{d, mine, source.element, staged, data}
	d.Start(&staged.Use)
	return nil
}

// upload is the second half of an Upload, when its turn comes.
type upload struct {
	on      *device
	layout  *layout
	element element
	staged  *worker.Staged[upload]
	dst     []byte
}

func (u *upload) Run() error {
	err := u.layout.upload(u.dst, unsafe.Pointer(unsafe.SliceData(u.staged.Data)), u.element)
	u.on.staging.Give(u.staged)
	return err
}

// Download waits for everything enqueued.
func (d *device) Download(host any, src backend.Buffer, l backend.Layout) error {
	mine, data, target, err := d.transfer(src, l, host)
	if err != nil {
		return d.Errorf("download", err)
	}
	if err := d.Sync(); err != nil {
		return err
	}
	if err := mine.download(data, unsafe.Pointer(unsafe.SliceData(target.data)), target.element); err != nil {
		return d.Errorf("download", err)
	}
	return nil
}

func (d *device) transfer(b backend.Buffer, l backend.Layout, host any) (*layout, []byte, hostArray, error) {
	mine, ok := l.(*layout)
	if !ok {
		return nil, nil, hostArray{}, fmt.Errorf("layout %v is another backend's", l)
	}
	data, err := d.Room(b, mine.Bytes())
	if err != nil {
		return nil, nil, hostArray{}, err
	}
	array, err := bytesOfHost(host)
	if err != nil {
		return nil, nil, hostArray{}, err
	}
	return mine, data, array, mine.takes(array)
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
		return hostArray{worker.AsBytes(h), float32s, len(h), "float32"}, nil
	case []uint8:
		return hostArray{h, bytes8, len(h), "uint8"}, nil
	case []int32:
		return hostArray{worker.AsBytes(h), words32, len(h), "int32"}, nil
	case []uint32:
		return hostArray{worker.AsBytes(h), words32, len(h), "uint32"}, nil
	}
	return hostArray{}, fmt.Errorf("host array is a %T, want []float32, []uint8, []int32 or []uint32", host)
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
