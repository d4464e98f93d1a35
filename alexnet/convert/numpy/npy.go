package numpy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"duet/alexnet/convert/element"
	"duet/alexnet/convert/foreign"
	"duet/engine/checkpoint"
)

// magic is what a .npy begins with. Two bytes of a version follow, the length of the header in two bytes, four from
// version 2 on, and the header, a dict of Python as text.
const magic = "\x93NUMPY"

// maxHeader is NumPy's own limit (max_header_size).
const maxHeader = 10000

// chunk is how many elements are converted at once.
const chunk = 1 << 16

// readArray reads a .npy of so many bytes.
func readArray(f *foreign.File, name string, r io.Reader, size int64) (checkpoint.Tensor, error) {
	h, err := readHeader(r, &size)
	if err != nil {
		return checkpoint.Tensor{}, err
	}
	shape, count, err := f.Take(name, h.shape)
	if err != nil {
		return checkpoint.Tensor{}, err
	}
	if want := int64(count) * int64(h.Bytes); want != size {
		return checkpoint.Tensor{}, fmt.Errorf("%d bytes behind the header, want %d for shape %v of %s",
			size, want, h.shape, h.Name)
	}
	x := checkpoint.Tensor{Name: name, Shape: shape, Data: make([]float32, count)}
	if err := fill(x.Data, r, h.dtype, view(h.shape, h.fortran)); err != nil {
		return checkpoint.Tensor{}, err
	}
	return x, end(r)
}

// fill reads the elements of a view of all that r has.
func fill(out []float32, r io.Reader, t dtype, v element.View) error {
	if len(out) > 0 && !v.Contiguous() {
		return gather(out, r, t, v)
	}
	return convert(out, r, t)
}

// convert fills out with the elements that lie in its order.
func convert(out []float32, r io.Reader, t dtype) error {
	buf := make([]byte, min(chunk, len(out))*t.Bytes)
	for len(out) > 0 {
		n := min(chunk, len(out))
		piece := buf[:n*t.Bytes]
		if err := full(r, piece); err != nil {
			return err
		}
		if t.big {
			t.Swap(piece)
		}
		t.Convert(out[:n], piece)
		out = out[n:]
	}
	return nil
}

// gather fills out with the elements, as many, that lie in another order.
func gather(out []float32, r io.Reader, t dtype, v element.View) error {
	raw := make([]byte, len(out)*t.Bytes)
	if err := full(r, raw); err != nil {
		return err
	}
	if t.big {
		t.Swap(raw)
	}
	t.Gather(out, raw, v)
	return nil
}

// full fills b.
func full(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("ended while it was read, want the whole of it")
	}
	return err
}

// end reads the end of a member, which checks its checksum.
func end(r io.Reader) error {
	var one [1]byte
	switch _, err := io.ReadFull(r, one[:]); {
	case err == nil:
		return errors.New("more bytes behind the array, want none")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// header is what a .npy says of its array.
type header struct {
	dtype
	shape   []int64
	fortran bool
}

// readHeader reads up to the array, and takes what it reads from size.
func readHeader(r io.Reader, size *int64) (header, error) {
	var start [12]byte
	lengthBytes := 2
	take := func(b []byte) error {
		if *size < int64(len(b)) {
			return fmt.Errorf("ends inside of its header, want %d bytes more", int64(len(b))-*size)
		}
		*size -= int64(len(b))
		return full(r, b)
	}
	if err := take(start[:8]); err != nil {
		return header{}, err
	}
	if string(start[:6]) != magic {
		return header{}, fmt.Errorf("begins with %q, want a .npy: %q", start[:6], magic)
	}
	switch version := start[6:8]; {
	case version[0] < 1 || version[0] > 3 || version[1] != 0:
		return header{}, fmt.Errorf("version %d.%d, want 1.0, 2.0 or 3.0", version[0], version[1])
	case version[0] > 1:
		lengthBytes = 4
	}
	if err := take(start[8 : 8+lengthBytes]); err != nil {
		return header{}, err
	}
	n := binary.LittleEndian.Uint32(start[8:])
	if n > maxHeader {
		return header{}, fmt.Errorf("a header of %d bytes, want at most %d", n, maxHeader)
	}
	text := make([]byte, n)
	if err := take(text); err != nil {
		return header{}, err
	}
	h, err := parseHeader(string(text))
	if err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	return h, h.check()
}
