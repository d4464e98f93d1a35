package picture

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"
)

// Bounds on one file and on what it decodes to.
const (
	MaxFileBytes = 256 << 20
	MaxPixels    = 64 << 20
	MaxSize      = 4096 // pixels: the largest square
)

// ErrTruncated is the cause of an error about a file whose end, and so part of its pixels, is missing.
var ErrTruncated = errors.New("cut short")

// Options say what a Decoder makes of a file.
type Options struct {
	Size int // side of the square in pixels, 1 to MaxSize
	Reading
}

// Reading says how a file is read. What a network learned from is read so again when it is used.
type Reading struct {
	// EXIF turns a picture as its EXIF orientation says, or XMP's copy of it (JPEG, PNG, WebP). Data sets are commonly
	// used without.
	EXIF bool `json:"exif"`
	// AllowTruncated keeps the decoded part of a file that is cut short or damaged (any but a WebP), and sets Truncated.
	// What is missing is grey in a JPEG, else black or a palette's first colour, or coarse in a progressive JPEG.
	AllowTruncated bool `json:"allow_truncated"`
}

// ErrMemory is among the errors of a picture that is at no fault: the system had no memory for it.
var ErrMemory = errors.New("not enough memory")

// Flags say what was special about a file. The numbers are stored in packed sets and never change.
type Flags uint8

const (
	Grey       Flags = 1 << iota // one channel, repeated
	CMYK                         // four inks
	NotJPEG                      // another format
	Truncated                    // part of the pixels was missing or damaged
	Oriented                     // turned or mirrored as EXIF says
	Upscaled                     // shorter side below Size
	Alpha                        // not opaque everywhere
	SixteenBit                   // 16 bits a channel
)

var flagNames = [8]string{"grey", "cmyk", "not-jpeg", "truncated", "oriented", "upscaled", "alpha", "16-bit"}

// String is the names of the flags with a plus between them: "grey+upscaled"; none: "".
func (f Flags) String() string {
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

// A Decoder decodes one file after another. It reuses its buffers and lets go of those that an unusually large picture
// needed. It is for one goroutine at a time.
type Decoder struct {
	o      Options
	engine engine // of this build: turbo.go or plain.go
	plan   plan
	chunk  []byte // rows of a decoded image on their way into the resampler
	middle []byte // resampled along x
	turned []byte // [Size,Size,3], what is turned
	closed bool
}

// New makes a Decoder; Close frees it.
func New(o Options) (*Decoder, error) {
	if o.Size < 1 || o.Size > MaxSize {
		return nil, fmt.Errorf("size %d: want 1 to %d pixels", o.Size, MaxSize)
	}
	d := &Decoder{o: o}
	if err := d.engine.open(); err != nil {
		return nil, err
	}
	return d, nil
}

// Close frees what the Decoder holds outside Go's memory. The Decoder cannot be used afterwards.
func (d *Decoder) Close() {
	if !d.closed {
		d.engine.close()
	}
	d.closed = true
}

// Decode decodes a file into dst [Size,Size,3]. On an error dst holds anything.
func (d *Decoder) Decode(dst, data []byte) (flags Flags, err error) {
	if err := d.check(dst); err != nil {
		return flags, err
	}
	if len(data) > MaxFileBytes {
		return flags, fmt.Errorf("%d bytes: want at most %d", len(data), MaxFileBytes)
	}
	defer recovered(&err)
	format, width, height, err := header(data)
	if err != nil {
		return flags, err
	}
	if min(width, height) < d.o.Size {
		flags |= Upscaled
	}
	more, err := d.decode(dst, data, format)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", format, err)
	}
	return flags | more, nil
}

// recovered makes an error of a panic: a decoder's mistake costs its picture only.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the decoder panicked: %v", r)
	}
}

// decode decodes a file whose header was found good.
func (d *Decoder) decode(dst, data []byte, format string) (Flags, error) {
	if format == "JPEG" {
		h, _ := parseJPEG(data)
		return d.jpeg(dst, data, h)
	}
	m, flags, err := decodeOther(data, format, d.o.AllowTruncated)
	if err != nil {
		return 0, err
	}
	meta := metadata{}
	if d.o.EXIF {
		meta = metadataOf(data, format)
	}
	o := d.orientation(&meta)
	if o != upright {
		flags |= Oriented
	}
	return flags | NotJPEG, d.fit(dst, m, o)
}

// orientation is how a picture lies, upright if that is not asked for.
func (d *Decoder) orientation(m *metadata) orientation {
	if !d.o.EXIF {
		return upright
	}
	return m.orientation()
}

// Fit brings an image that is decoded already to dst [Size,Size,3]. *RGB, *image.RGBA, *image.Gray, *image.YCbCr and
// the other types that Go's decoders give are fast.
func (d *Decoder) Fit(dst []byte, m image.Image) (err error) {
	if err := d.check(dst); err != nil {
		return err
	}
	defer recovered(&err)
	b := m.Bounds()
	if err := checkPixels(b.Dx(), b.Dy()); err != nil {
		return err
	}
	return d.fit(dst, m, upright)
}

func (d *Decoder) check(dst []byte) error {
	if d.closed {
		return errors.New("the decoder is closed")
	}
	if want := d.o.Size * d.o.Size * 3; len(dst) != want {
		return fmt.Errorf("%d bytes for the pixels: want %d, %dx%d RGB", len(dst), want, d.o.Size, d.o.Size)
	}
	return nil
}

func checkPixels(width, height int) error {
	if width < 1 || height < 1 || width > MaxPixels/height {
		return fmt.Errorf("%dx%d pixels: want 1 to %d in all", width, height, MaxPixels)
	}
	return nil
}

// ReadFile decodes the file at path to [Size,Size,3].
func ReadFile(path string, o Options) ([]byte, error) {
	d, err := New(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer d.Close()
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	pixels := make([]byte, o.Size*o.Size*3)
	if _, err := d.Decode(pixels, data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pixels, nil
}
