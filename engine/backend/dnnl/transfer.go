//go:build dnnl

package dnnl

import (
	"fmt"
	"unsafe"

	"duet/engine/backend"
)

// Upload copies the array to the buffer when its turn comes.
func (d *device) Upload(dst backend.Buffer, l backend.Layout, src backend.Array) (backend.Transfer, error) {
	mine, err := own(l)
	if err != nil {
		return backend.Transfer{}, d.Errorf("upload", err)
	}
	return d.Host.Upload(dst, mine, src)
}

// Download waits for everything enqueued.
func (d *device) Download(host any, src backend.Buffer, l backend.Layout) error {
	mine, data, to, err := d.transfer(host, src, l)
	if err != nil {
		return d.Errorf("download", err)
	}
	if err := d.Sync(); err != nil {
		return err
	}
	if err := mine.download(data, unsafe.Pointer(unsafe.SliceData(to.Data)), stored(to.Element)); err != nil {
		return d.Errorf("download", err)
	}
	return nil
}

func (d *device) transfer(host any, b backend.Buffer, l backend.Layout) (*layout, []byte, backend.Array, error) {
	mine, err := own(l)
	if err != nil {
		return nil, nil, backend.Array{}, err
	}
	data, err := d.Room(b, mine.Bytes())
	if err != nil {
		return nil, nil, backend.Array{}, err
	}
	a, err := backend.ArrayOf(host)
	if err != nil {
		return nil, nil, backend.Array{}, err
	}
	return mine, data, a, mine.Takes(a)
}

// own checks that a layout is this backend's.
func own(l backend.Layout) (*layout, error) {
	mine, ok := l.(*layout)
	if !ok {
		return nil, fmt.Errorf("layout %v is another backend's", l)
	}
	return mine, nil
}

// stored is how an array's elements lie in memory.
func stored(e backend.Element) element {
	switch e {
	case backend.Uint8:
		return bytes8
	case backend.Int32, backend.Uint32:
		return words32
	}
	return float32s
}

// Takes says what is wrong with an array for the tensor.
func (l *layout) Takes(a backend.Array) error {
	kinds := [...]backend.Element{backend.Float32, backend.Float32}
	switch l.element {
	case bytes8:
		kinds = [...]backend.Element{backend.Uint8, backend.Uint8}
	case words32:
		kinds = [...]backend.Element{backend.Int32, backend.Uint32}
	}
	if !a.Is(l.length, kinds[:]...) {
		return a.Unfit(l, l.length)
	}
	return nil
}

// Fill brings an array into the layout.
func (l *layout) Fill(dst []byte, a backend.Array) error {
	return l.upload(dst, unsafe.Pointer(unsafe.SliceData(a.Data)), stored(a.Element))
}
