package picture

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"io"
	"math/bits"
)

// BMP's compressions. Bit fields are not packed at all: masks say where a pixel's channels are.
const (
	bmpPlain, bmpRLE8, bmpRLE4, bmpFields, bmpAlphaFields = 0, 1, 2, 3, 6
)

// A bmpHeader is what the headers of a BMP say: OS/2's of 12 bytes or one of Windows' (40 to 124 bytes, of which OS/2
// has shorter and longer ones), the masks behind it and the palette.
// Sources: Windows' BITMAPINFOHEADER and BITMAPV5HEADER; what is not written there is as Pillow reads it.
type bmpHeader struct {
	width, height int
	topDown       bool
	bits          int // a pixel's
	compression   uint32
	masks         [4]uint32 // red, green, blue, alpha, of 16 bits a pixel and more
	palette       color.Palette
	pixels        int // offset of the first row
}

func (h *bmpHeader) rle() bool { return h.compression == bmpRLE8 || h.compression == bmpRLE4 }

func parseBMP(data []byte) (h bmpHeader, err error) {
	const fileHeader, longest = 14, 124
	if len(data) < fileHeader+4 {
		return h, io.ErrUnexpectedEOF
	}
	size := binary.LittleEndian.Uint32(data[fileHeader:])
	if size != 12 && (size < 16 || size > longest) {
		return h, fmt.Errorf("a header of %d bytes: want 12, or 16 to %d", size, longest)
	}
	rest := data[fileHeader:]
	if len(rest) < int(size) {
		return h, io.ErrUnexpectedEOF
	}
	var info [longest]byte // what a shorter header has not is zero
	copy(info[:], rest[:size])
	rest = rest[size:]
	colours, entry := uint32(0), 4
	if size == 12 {
		h.width, h.height = int(binary.LittleEndian.Uint16(info[4:])), int(binary.LittleEndian.Uint16(info[6:]))
		h.bits, entry = int(binary.LittleEndian.Uint16(info[10:])), 3
	} else {
		h.width = int(int32(binary.LittleEndian.Uint32(info[4:])))
		h.height = int(int32(binary.LittleEndian.Uint32(info[8:])))
		h.bits, h.compression = int(binary.LittleEndian.Uint16(info[14:])), binary.LittleEndian.Uint32(info[16:])
		colours = binary.LittleEndian.Uint32(info[32:])
		h.topDown, h.height = h.height < 0, max(h.height, -h.height)
	}
	if err := h.checkDepth(); err != nil {
		return h, err
	}
	if rest, err = h.readMasks(info[:size], rest); err != nil {
		return h, err
	}
	if h.bits <= 8 {
		if colours == 0 {
			colours = 1 << h.bits
		}
		rest = h.readPalette(rest, min(int64(colours), 1<<16), entry)
	}
	h.pixels = int(binary.LittleEndian.Uint32(data[10:]))
	if behind := len(data) - len(rest); h.pixels == 0 || h.bits <= 8 && h.pixels == fileHeader+int(size) {
		h.pixels = behind // some programs write nothing here, or leave the palette out
	}
	return h, nil
}

// checkDepth refuses depths and compressions that there are not together.
func (h *bmpHeader) checkDepth() error {
	depths, ok := map[uint32][]int{bmpPlain: {1, 2, 4, 8, 16, 24, 32}, bmpRLE8: {8}, bmpRLE4: {4},
		bmpFields: {16, 24, 32}, bmpAlphaFields: {16, 24, 32}}[h.compression]
	if !ok {
		return fmt.Errorf("compression %d: want 0 (none), 1 and 2 (run lengths), 3 or 6 (bit fields)", h.compression)
	}
	for _, bits := range depths {
		if h.bits == bits {
			return nil
		}
	}
	return fmt.Errorf("%d bits a pixel with compression %d: want one of %v", h.bits, h.compression, depths)
}

// readMasks takes the masks from the header or, where that is of 40 bytes or fewer, from behind it.
func (h *bmpHeader) readMasks(info, rest []byte) ([]byte, error) {
	const masksAt = 40
	switch h.bits {
	case 16:
		h.masks = [4]uint32{0x7c00, 0x3e0, 0x1f}
	default:
		h.masks = [4]uint32{0xff0000, 0xff00, 0xff}
	}
	if h.compression != bmpFields && h.compression != bmpAlphaFields {
		return rest, nil
	}
	from, n := rest, 3
	if h.compression == bmpAlphaFields {
		n = 4
	}
	switch inside := len(info) - masksAt; {
	case inside >= 16:
		from, n = info[masksAt:], 4
	case inside >= 12:
		from, n = info[masksAt:], 3
	case len(rest) < 4*n:
		return nil, io.ErrUnexpectedEOF
	default:
		rest = rest[4*n:]
	}
	masks := [4]uint32{}
	for i := range n {
		masks[i] = binary.LittleEndian.Uint32(from[4*i:])
	}
	switch {
	case masks[0]|masks[1]|masks[2] != 0:
		h.masks = masks
	case h.bits == 32: // none at all
		h.masks[3] = 0xff000000
	}
	return rest, nil
}

func (h *bmpHeader) readPalette(b []byte, colours int64, entry int) (rest []byte) {
	n := min(int(colours), len(b)/entry)
	for i := range min(n, 256) {
		c := b[i*entry:]
		h.palette = append(h.palette, color.RGBA{c[2], c[1], c[0], 255})
	}
	return b[n*entry:]
}

// decodeBMP decodes a BMP. Rows or runs that are missing are black (palette: its first colour) and truncated, if that
// is allowed; an image of run lengths may also say that it ends early.
func decodeBMP(data []byte, allowTruncated bool) (m image.Image, truncated bool, err error) {
	h, err := parseBMP(data)
	if err != nil {
		return nil, truncated, err
	}
	pixels := data[min(h.pixels, len(data)):]
	if h.rle() {
		m, truncated = h.runs(pixels)
	} else {
		need := (h.height-1)*h.stride() + (h.width*h.bits+7)/8 // the last row needs no padding
		truncated = len(pixels) < need
		if truncated && (!allowTruncated || h.width*h.height > 8*len(data)) {
			return nil, truncated, fmt.Errorf("%w: %d bytes of %d for %dx%d pixels",
				ErrTruncated, len(pixels), need, h.width, h.height)
		}
		if h.bits <= 8 {
			m = h.indices(pixels)
		} else {
			m = h.channels(pixels)
		}
	}
	if truncated && !allowTruncated {
		return nil, truncated, fmt.Errorf("%w: the runs end before the pixels", ErrTruncated)
	}
	return m, truncated, nil
}

// stride is the length of a row in bytes, a multiple of four.
func (h *bmpHeader) stride() int { return (h.width*h.bits + 31) / 32 * 4 }

// row is where the file's row y is in the picture: most files begin with the lowest.
func (h *bmpHeader) row(y int) int {
	if h.topDown {
		return y
	}
	return h.height - 1 - y
}

// indices unpacks numbers of colours of 1, 2, 4 or 8 bits.
func (h *bmpHeader) indices(pixels []byte) image.Image {
	m := image.NewPaletted(image.Rect(0, 0, h.width, h.height), h.palette)
	for y := 0; y < h.height && len(pixels) > 0; y++ {
		from := pixels[:min(h.stride(), len(pixels))]
		to := m.Pix[h.row(y)*h.width:][:h.width]
		for x := range min(h.width, len(from)*8/h.bits) {
			at := x * h.bits
			to[x] = from[at/8] >> (8 - h.bits - at%8) & (1<<h.bits - 1)
		}
		pixels = pixels[len(from):]
	}
	return m
}

// channels unpacks pixels of 16, 24 or 32 bits. An alpha channel that is nothing but zeros was never written.
func (h *bmpHeader) channels(pixels []byte) image.Image {
	var levels [4][256]uint8
	var shift [4]int
	for c, mask := range h.masks {
		shift[c] = max(bits.TrailingZeros32(mask), bits.Len32(mask)-8) & 31 // of a wider channel the upper 8 bits
		if most := min(mask>>shift[c], 255); most > 0 {
			for v := range most + 1 {
				levels[c][v] = uint8(v * 255 / most)
			}
		}
	}
	m, seen := image.NewNRGBA(image.Rect(0, 0, h.width, h.height)), uint8(0)
	for y := 0; y < h.height && len(pixels) > 0; y++ {
		from := pixels[:min(h.stride(), len(pixels))]
		to := m.Pix[h.row(y)*m.Stride:][:m.Stride]
		for x := range min(h.width, len(from)*8/h.bits) {
			v, p := uint32(0), to[4*x:4*x+4]
			for i, b := range from[x*h.bits/8 : (x+1)*h.bits/8] {
				v |= uint32(b) << (8 * i)
			}
			for c, mask := range h.masks {
				p[c] = levels[c][uint8(v&mask>>shift[c])]
			}
			seen |= p[3]
		}
		pixels = pixels[len(from):]
	}
	if seen == 0 {
		for i := 3; i < len(m.Pix); i += 4 {
			m.Pix[i] = 255
		}
	}
	return m
}

// runs unpacks run lengths: pairs of a count and a colour (of RLE4 two, in turn); after a count of 0 the end of a row
// (0), of the picture (1), a jump to the right and up (2), or so many colours as they are, padded to an even length.
func (h *bmpHeader) runs(b []byte) (m image.Image, truncated bool) {
	p := image.NewPaletted(image.Rect(0, 0, h.width, h.height), h.palette)
	x, y := 0, 0
	put := func(n int, colour func(i int) uint8) { // what is beyond the row is not there
		to := p.Pix[h.row(y)*h.width:][:h.width]
		for i := range min(n, h.width-x) {
			to[x+i] = colour(i)
		}
		x = min(x+n, h.width)
	}
	for y < h.height {
		if len(b) < 2 {
			return p, y < h.height-1 || x < h.width
		}
		n, v := int(b[0]), b[1]
		b = b[2:]
		switch {
		case n > 0 && h.bits == 4:
			put(n, func(i int) uint8 { return v >> (4 * (1 - i%2)) & 15 })
		case n > 0:
			put(n, func(int) uint8 { return v })
		case v == 0:
			x, y = 0, y+1
		case v == 1:
			return p, false
		case v == 2:
			if len(b) < 2 {
				return p, true
			}
			x, y = min(x+int(b[0]), h.width), y+int(b[1])
			b = b[2:]
		default:
			have := min(int(v), len(b)*8/h.bits)
			if h.bits == 4 {
				put(have, func(i int) uint8 { return b[i/2] >> (4 * (1 - i%2)) & 15 })
			} else {
				put(have, func(i int) uint8 { return b[i] })
			}
			b = b[min((int(v)*h.bits+15)/16*2, len(b)):]
		}
	}
	return p, false
}
