//go:build turbo && cgo

package picture

// #cgo CFLAGS: -O3 -Wall -Wextra
// #cgo LDFLAGS: -ljpeg
// #cgo noescape turbo_axis
// #cgo nocallback turbo_axis
// #cgo noescape turbo_rows
// #cgo nocallback turbo_rows
// #cgo noescape turbo_columns
// #cgo nocallback turbo_columns
// #cgo noescape turbo_jpeg
// #cgo nocallback turbo_jpeg
// #include <stdlib.h>
// #include "turbo.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// engine is the decoder of JPEG and the resampler of this build: turbo.c.
type engine struct{ c *C.turbo }

func (e *engine) open() error { return e.openSIMD(true) }

// vectorised says whether the resampling that is vectorised by hand is used.
func (e *engine) vectorised() bool { return C.turbo_simd(e.c) != 0 }

func (e *engine) openSIMD(simd bool) error {
	on := C.int(0)
	if simd {
		on = 1
	}
	if e.c = C.turbo_open(on); e.c == nil {
		return errors.New("libjpeg-turbo does not start: another version than the one built with, or no memory")
	}
	return nil
}

func (e *engine) close() {
	C.turbo_close(e.c)
	e.c = nil
}

func (e *engine) axes(x, y *axis) error {
	for i, a := range []*axis{x, y} {
		if C.turbo_axis(e.c, C.int(i), C.int(a.from), C.int(a.to), C.int(a.taps), C.int(a.bits), C.int(len(a.start)),
			(*C.int32_t)(unsafe.SliceData(a.start)), (*C.int16_t)(unsafe.SliceData(a.coef))) == 0 {
			return fmt.Errorf("coefficients: %w", ErrMemory)
		}
	}
	return nil
}

func (e *engine) rows(_ *axis, src []byte, stride, rows, channels int, dst []byte, dstStride int) {
	C.turbo_rows(e.c, bytesOf(src), C.ptrdiff_t(stride), C.int(rows), C.int(channels), bytesOf(dst),
		C.ptrdiff_t(dstStride))
}

func (e *engine) columns(_ *axis, src []byte, stride, rows, width int, dst []byte) {
	C.turbo_columns(e.c, bytesOf(src), C.ptrdiff_t(stride), C.int(rows), C.int(width), bytesOf(dst))
}

func bytesOf(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }

// Version names what decodes JPEG.
func Version() string { return C.GoString(C.turbo_version()) }

// shrinkOf is the largest 1/shrink of a picture, of those that the library has fast code for, at which the shorter side
// is still twice size. That makes pictures of 1600x1200 pixels and more twice as fast; at less than twice, what the
// small transform leaves out would show (3 grey levels in the mean of some photographs, against 0.3), for a gain of a
// few percent.
func shrinkOf(width, height, size int) int {
	for _, shrink := range []int{8, 4, 2} {
		if min(width, height)/shrink >= 2*size {
			return shrink
		}
	}
	return 1
}

func (d *Decoder) jpeg(dst, data []byte, h jpegHeader) (Flags, error) {
	o, flags := d.orientation(&h.metadata), h.flags()
	if o != upright {
		flags |= Oriented
	}
	shrink := shrinkOf(h.width, h.height, d.o.Size)
	width, height := (h.width+shrink-1)/shrink, (h.height+shrink-1)/shrink
	if err := d.replan(width, height, o); err != nil {
		return 0, err
	}
	allow, truncated := C.int(0), C.int(0)
	if d.o.AllowTruncated {
		allow = 1
	}
	code := C.turbo_jpeg(d.engine.c, bytesOf(data), C.size_t(len(data)), C.int(width), C.int(height), C.int(shrink), allow,
		bytesOf(dst), &truncated)
	if code != C.TURBO_OK {
		return 0, d.engine.failure(code)
	}
	if truncated != 0 {
		flags |= Truncated
	}
	if h.components == 1 {
		repeatGrey(dst)
	}
	d.turn(dst, o)
	return flags, nil
}

func (e *engine) failure(code C.int) error {
	err := errors.New(C.GoString(C.turbo_message(e.c)))
	switch code {
	case C.TURBO_TRUNCATED:
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	case C.TURBO_MEMORY:
		return fmt.Errorf("%w: %w", ErrMemory, err)
	}
	return err
}

// EncodeJPEG makes a JPEG of [size,size,3] RGB at a quality of 1 to 100, its chroma at full resolution (4:4:4) from a
// quality of 90 on, else at half (4:2:0).
func EncodeJPEG(pixels []byte, size, quality int) ([]byte, error) {
	if err := checkEncode(pixels, size, quality); err != nil {
		return nil, err
	}
	var e engine
	if err := e.open(); err != nil {
		return nil, err
	}
	defer e.close()
	full := C.int(0)
	if quality >= 90 {
		full = 1
	}
	var out *C.uint8_t
	var n C.ulong
	if code := C.turbo_encode(e.c, bytesOf(pixels), C.int(size), C.int(quality), full, &out, &n); code != C.TURBO_OK {
		return nil, fmt.Errorf("JPEG: %w", e.failure(code))
	}
	defer C.free(unsafe.Pointer(out))
	return C.GoBytes(unsafe.Pointer(out), C.int(n)), nil
}
