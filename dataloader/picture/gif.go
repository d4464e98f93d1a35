package picture

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
)

// A gifFrame is a GIF's first frame. What no writer should do is read as Pillow reads it: a frame beyond its screen
// makes the screen larger, and colours that the table has not are black.
// Source: the GIF89a specification, https://www.w3.org/Graphics/GIF/spec-gif89a.txt.
type gifFrame struct {
	screen, frame image.Rectangle
	interlaced    bool
	palette       color.Palette // 256 colours
	codeBits      int           // of a colour's code
	blocks        []byte        // the codes, in blocks that begin with their length
}

func parseGIF(data []byte) (f gifFrame, err error) {
	const header, table, extension, control, descriptor, trailer = 13, 0x80, 0x21, 0xf9, 0x2c, 0x3b
	if len(data) < header {
		return f, io.ErrUnexpectedEOF
	}
	f.screen = image.Rect(0, 0, int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:])))
	f.palette = make(color.Palette, 256)
	for i := range f.palette { // where there is no table, numbers are grey levels
		f.palette[i] = color.RGBA{uint8(i), uint8(i), uint8(i), 255}
	}
	flags, rest, transparent := data[10], data[header:], -1
	if flags&table != 0 {
		if rest, err = f.readTable(rest, flags); err != nil {
			return f, err
		}
	}
	for len(rest) > 0 {
		kind := rest[0]
		rest = rest[1:]
		switch kind {
		case trailer:
			return f, errors.New("no frame before its end")
		case extension:
			if len(rest) >= 6 && rest[0] == control && rest[1] >= 4 {
				if transparent = -1; rest[2]&1 != 0 {
					transparent = int(rest[5])
				}
			}
			rest = skipBlocks(rest[min(1, len(rest)):])
		case descriptor:
			return f, f.describe(rest, transparent)
		} // GIF87a: what is none of these is passed over
	}
	return f, io.ErrUnexpectedEOF
}

// readTable reads a table of colours, of the length that flags say.
func (f *gifFrame) readTable(b []byte, flags byte) (rest []byte, err error) {
	n := 2 << (flags & 7)
	if len(b) < 3*n {
		return nil, io.ErrUnexpectedEOF
	}
	for i := range f.palette {
		f.palette[i] = color.RGBA{A: 255}
		if i < n {
			f.palette[i] = color.RGBA{b[3*i], b[3*i+1], b[3*i+2], 255}
		}
	}
	return b[3*n:], nil
}

// describe reads a frame's descriptor, its table of colours and the beginning of its pixels.
func (f *gifFrame) describe(b []byte, transparent int) (err error) {
	const length, table, interlaced = 9, 0x80, 0x40
	if len(b) < length {
		return io.ErrUnexpectedEOF
	}
	var n [4]int
	for i := range n {
		n[i] = int(binary.LittleEndian.Uint16(b[2*i:]))
	}
	f.frame = image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3])
	if f.frame.Empty() {
		return fmt.Errorf("a frame of %dx%d pixels: want 1 or more", n[2], n[3])
	}
	f.screen.Max.X, f.screen.Max.Y = max(f.screen.Max.X, f.frame.Max.X), max(f.screen.Max.Y, f.frame.Max.Y)
	f.interlaced = b[8]&interlaced != 0
	rest := b[length:]
	if b[8]&table != 0 {
		if rest, err = f.readTable(rest, b[8]); err != nil {
			return err
		}
	}
	if transparent >= 0 {
		f.palette[transparent] = color.RGBA{}
	}
	if len(rest) == 0 {
		return io.ErrUnexpectedEOF
	}
	if f.codeBits = int(rest[0]); f.codeBits < 2 || f.codeBits > 8 {
		return fmt.Errorf("codes of %d bits: want 2 to 8", f.codeBits)
	}
	f.blocks = rest[1:]
	return nil
}

// skipBlocks gives what is behind the blocks of which one without a length is the last.
func skipBlocks(b []byte) []byte {
	for len(b) > 0 && b[0] != 0 {
		b = b[min(1+int(b[0]), len(b)):]
	}
	return b[min(1, len(b)):]
}

// decodeGIF decodes the first frame only, which need not cover the picture. Pixels that are missing are of the first
// colour, and truncated, if that is allowed; codes beyond the pixels are left.
func decodeGIF(data []byte, allowTruncated bool) (m image.Image, truncated bool, err error) {
	f, err := parseGIF(data)
	if err != nil {
		return nil, truncated, err
	}
	var codes bytes.Buffer
	for b := f.blocks; len(b) > 0 && b[0] != 0; b = b[min(1+int(b[0]), len(b)):] {
		codes.Write(b[1:min(1+int(b[0]), len(b))])
	}
	r := lzw.NewReader(&codes, lzw.LSB, f.codeBits)
	defer r.Close()
	p := image.NewPaletted(f.frame, f.palette)
	for i, y := range f.rows() {
		if n, err := io.ReadFull(r, p.Pix[y*p.Stride:][:p.Stride]); err != nil {
			if err = cutShort(err); !allowTruncated || i == 0 && n == 0 {
				return nil, truncated, fmt.Errorf("row %d of %d: %w", i, f.frame.Dy(), err)
			}
			truncated = true
			break
		}
	}
	if f.frame != f.screen {
		return &framed{Image: p, screen: f.screen}, truncated, nil
	}
	return p, truncated, nil
}

// rows are the frame's rows in the order in which they come: as they are, or in the four passes of an interlaced frame.
func (f *gifFrame) rows() (rows []int) {
	passes := [][2]int{{0, 1}}
	if f.interlaced {
		passes = [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	for _, pass := range passes {
		for y := pass[0]; y < f.frame.Dy(); y += pass[1] {
			rows = append(rows, y)
		}
	}
	return rows
}
