//go:build gpu

package cuda

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/backend/worker"
)

// takes says what is wrong with an array for the tensor.
func (l *layout) takes(a backend.Array) error {
	kinds := [...]backend.Element{backend.Float32, backend.Float32}
	switch l.element {
	case bytes8:
		kinds = [...]backend.Element{backend.Uint8, backend.Uint8}
	case words32:
		kinds = [...]backend.Element{backend.Int32, backend.Uint32}
	}
	if !a.Is(l.length(), kinds[:]...) {
		return a.Unfit(l, l.length())
	}
	return nil
}

// tensor finds where the tensor of an Upload or a Download lies.
func (d *device) tensor(b backend.Buffer, l backend.Layout) (*layout, cu.DevicePtr, error) {
	if d.closed {
		return nil, 0, worker.ErrClosed
	}
	mine, ok := l.(*layout)
	if !ok {
		return nil, 0, fmt.Errorf("layout %v is another backend's", l)
	}
	at, err := d.room(b, mine.Bytes())
	return mine, at, err
}

// Upload lets the GPU take the array when its turn comes. What is stored in bf16, as weights are beside fp32, or in
// another order than the host's, is converted here, and has arrived when Upload returns. Of what a step uploads, those
// are only features that are maps, or in bf16 (train.cache_features): there the host's time counts, 14 ns an element.
func (d *device) Upload(dst backend.Buffer, l backend.Layout, src backend.Array) (backend.Transfer, error) {
	mine, at, err := d.tensor(dst, l)
	if err == nil {
		err = mine.takes(src)
	}
	if err == nil {
		err = readable(src)
	}
	var t backend.Transfer
	if err == nil && mine.element != bfloat16 && mine.order == rowMajor {
		t, err = d.uploads.send(at, src.Data, mine.element)
	} else if err == nil {
		err = d.sendConverted(at, src.Data, mine, mine.element)
	}
	if err == nil && mine.copied {
		err = d.sendConverted(at+cu.DevicePtr(mine.copyOffset()), src.Data, mine, bfloat16)
	}
	if err != nil {
		return backend.Transfer{}, d.errorf("upload", err)
	}
	return t, nil
}

// sendConverted uploads float32 in the order of a layout, as f32 or bf16, and waits.
func (d *device) sendConverted(at cu.DevicePtr, from []byte, l *layout, stored element) error {
	return d.do(func() error { return d.sendPieces(at, from, l, stored) })
}

// sendPieces does so in pieces, on the worker's thread.
func (d *device) sendPieces(at cu.DevicePtr, from []byte, l *layout, stored element) error {
	size := int(stored.size())
	host, err := pinned(int64(max(1, min(piece, l.stored()*size))))
	if err != nil {
		return err
	}
	for first := 0; err == nil && first < l.stored(); {
		n := min(len(host)/size, l.stored()-first)
		to, part := host[:n*size], from
		if l.order == rowMajor {
			part = from[4*first : 4*(first+n)]
		} else {
			part = make([]byte, 4*n)
			l.arrange(part, from, first)
		}
		if stored == bfloat16 {
			encode(to, part)
		} else {
			copy(to, part)
		}
		if err = cu.MemcpyHtoDAsync(at, bufferAt(to), int64(len(to)), d.compute); err != nil {
			err = fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", len(to), err)
			d.compute.Synchronize() // what it began to read must not be freed; its own error is no news
			break
		}
		err = d.finished()
		at, first = at+cu.DevicePtr(len(to)), first+n
	}
	return errors.Join(err, unpin(host))
}

// encode rounds float32 to bf16.
func encode(to, from []byte) {
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

// piece is the most that is copied at a time by way of memory of our own.
const piece = 8 << 20

// Download waits for everything enqueued, and copies by way of pinned memory.
func (d *device) Download(host any, src backend.Buffer, l backend.Layout) error {
	mine, at, err := d.tensor(src, l)
	var to backend.Array
	if err == nil {
		to, err = backend.ArrayOf(host)
	}
	if err == nil {
		err = mine.takes(to)
	}
	if err != nil {
		return d.errorf("download", err)
	}
	if err := d.Sync(); err != nil {
		return err
	}
	if err := d.receive(to.Data, at, mine); err != nil {
		return d.errorf("download", err)
	}
	return nil
}

// receive copies what lies at an address to an array of the same elements, but float32 for bf16, in the host's order.
func (d *device) receive(to []byte, at cu.DevicePtr, l *layout) error {
	size := int(l.element.size())
	for first := 0; first < l.stored(); {
		n := min(piece/size, l.stored()-first)
		d.fetch = fetch{d, at, n * size, d.fetch.host}
		d.worker.Start(&d.fetch)
		if err := d.worker.Sync(); err != nil {
			return err
		}
		part, wide := d.fetch.host[:n*size], size
		if l.element == bfloat16 {
			wide = 4
		}
		if l.order == rowMajor {
			decode(to[first*wide:(first+n)*wide], part, l.element)
		} else {
			plain := make([]byte, n*wide)
			decode(plain, part, l.element)
			l.scatter(to, plain, first, wide)
		}
		at, first = at+cu.DevicePtr(n*size), first+n
	}
	return nil
}

// fetch copies to pinned memory, which it keeps, and waits: a worker.Job.
type fetch struct {
	d    *device
	from cu.DevicePtr
	n    int
	host []byte
}

func (f *fetch) Run() (err error) {
	if len(f.host) < f.n {
		if err := f.free(); err != nil {
			return err
		}
		if f.host, err = pinned(int64(max(f.n, small))); err != nil {
			return err
		}
	}
	if err := cu.MemcpyDtoHAsync(bufferAt(f.host), f.from, int64(f.n), f.d.compute); err != nil {
		return fmt.Errorf("cuMemcpyDtoHAsync of %d bytes: %w", f.n, err)
	}
	return f.d.finished()
}

// free gives the memory back; on the worker's thread.
func (f *fetch) free() error {
	if f.host == nil {
		return nil
	}
	host := f.host
	f.host = nil
	return unpin(host)
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
