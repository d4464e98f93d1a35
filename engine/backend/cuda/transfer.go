//go:build gpu

package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

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
	if h.element != wanted || h.length != l.length() {
		return fmt.Errorf("host array of %d %s for %v of %d elements", h.length, h.kind, l, l.length())
	}
	return nil
}

// transfer checks the operands of an Upload or a Download.
func (d *device) transfer(b backend.Buffer, l backend.Layout, host any) (*layout, cu.DevicePtr, hostArray, error) {
	if d.closed {
		return nil, 0, hostArray{}, worker.ErrClosed
	}
	mine, ok := l.(*layout)
	if !ok {
		return nil, 0, hostArray{}, fmt.Errorf("layout %v is another backend's", l)
	}
	at, err := d.room(b, mine.Bytes())
	if err != nil {
		return nil, 0, hostArray{}, err
	}
	array, err := bytesOfHost(host)
	if err != nil {
		return nil, 0, hostArray{}, err
	}
	return mine, at, array, mine.takes(array)
}

// Upload copies the host array to pinned memory at once, in pieces, from where the GPU takes it when its turn comes.
// Memory that was lent is pinned already. Images go by the copy stream, so that they cross the bus while the kernels of
// the step before run.
func (d *device) Upload(dst backend.Buffer, l backend.Layout, host any) error {
	lent, isLent := host.(*backend.Lent)
	if isLent {
		var err error
		if host, err = lent.Array(); err != nil {
			return d.errorf("upload", err)
		}
	}
	mine, at, array, err := d.transfer(dst, l, host)
	if err != nil {
		return d.errorf("upload", err)
	}
	if isLent && lendable(lent) {
		if err := d.uploads.borrow(at, lent); err != nil {
			return d.errorf("upload", err)
		}
		return nil
	}
	if err := d.uploads.send(at, array, mine.element); err != nil {
		return d.errorf("upload", err)
	}
	if mine.copied {
		err = d.uploads.send(at+cu.DevicePtr(mine.copyOffset()), array, bfloat16)
	}
	if err != nil {
		return d.errorf("upload", err)
	}
	return nil
}

// encode writes elements of a host array as a device stores them.
func encode(to, from []byte, stored element) {
	if stored != bfloat16 {
		copy(to, from)
		return
	}
	for i := range len(to) / 2 {
		binary.LittleEndian.PutUint16(to[2*i:], roundToBF16(binary.LittleEndian.Uint32(from[4*i:])))
	}
}

// roundToBF16 rounds the bits of a float to the upper half, to nearest, ties to even; a NaN stays one.
func roundToBF16(bits uint32) uint16 {
	if f := math.Float32frombits(bits); f != f {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// Download waits for everything enqueued, and copies by way of pinned memory.
func (d *device) Download(host any, src backend.Buffer, l backend.Layout) error {
	mine, at, array, err := d.transfer(src, l, host)
	if err != nil {
		return d.errorf("download", err)
	}
	if err := d.Sync(); err != nil {
		return err
	}
	if err := d.uploads.receive(array, at, mine.element); err != nil {
		return d.errorf("download", err)
	}
	return nil
}

// decode reads elements as a device stores them into a host array.
func decode(to, from []byte, stored element) {
	if stored != bfloat16 {
		copy(to, from)
		return
	}
	for i := range len(from) / 2 {
		binary.LittleEndian.PutUint32(to[4*i:], uint32(binary.LittleEndian.Uint16(from[2*i:]))<<16)
	}
}

// bufferAt is where a slice begins.
func bufferAt(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
