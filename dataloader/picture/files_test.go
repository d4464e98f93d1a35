package picture_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
)

// pngOf is a PNG of chunks, each a kind of four letters and its body.
func pngOf(chunks ...string) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range chunks {
		b = binary.BigEndian.AppendUint32(b, uint32(len(c)-4))
		b = append(b, c...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(c)))
	}
	return b
}

// ihdr is a PNG's header of 8-bit RGB.
func ihdr(width, height int, interlaced byte) string {
	b := binary.BigEndian.AppendUint32([]byte("IHDR"), uint32(width))
	b = binary.BigEndian.AppendUint32(b, uint32(height))
	return string(append(b, 8, 2, 0, 0, interlaced))
}

func idat(raw []byte) string {
	var b bytes.Buffer
	b.WriteString("IDAT")
	w := zlib.NewWriter(&b)
	w.Write(raw)
	w.Close()
	return b.String()
}

// interlacedPNG is of one colour.
func interlacedPNG(box image.Rectangle, c [3]byte) []byte {
	return pngOf(ihdr(box.Dx(), box.Dy(), 1), idat(interlacedRows(box, c)), "IEND")
}

// interlacedRows are the rows of one colour in the seven passes of Adam7.
func interlacedRows(box image.Rectangle, c [3]byte) (raw []byte) {
	for _, pass := range [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2},
		{0, 1, 1, 2}} {
		width, height := (box.Dx()-pass[0]+pass[2]-1)/pass[2], (box.Dy()-pass[1]+pass[3]-1)/pass[3]
		for range height * min(width, 1) {
			raw = append(append(raw, 0), bytes.Repeat(c[:], width)...)
		}
	}
	return raw
}

// bmpFile is of one colour, 24 bits a pixel.
func bmpFile(width, height int, c [3]byte) []byte {
	le32 := func(b []byte, values ...int) []byte {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		return b
	}
	row := append(bytes.Repeat([]byte{c[2], c[1], c[0]}, width), make([]byte, (4-width*3%4)%4)...)
	b := le32([]byte("BM"), 54+len(row)*height, 0, 54, 40, width, height, 1|24<<16, 0, len(row)*height, 2835, 2835, 0, 0)
	return append(b, bytes.Repeat(row, height)...)
}

// losslessWebP is of one colour: every Huffman code has one symbol, so that a pixel takes no bits.
func losslessWebP(width, height int, c [3]byte) []byte {
	var bits uint64
	var n int
	stream := []byte{0x2f}
	put := func(v, width int) {
		bits, n = bits|uint64(v)<<n, n+width
		for n >= 8 {
			stream, bits, n = append(stream, byte(bits)), bits>>8, n-8
		}
	}
	put(width-1, 14)
	put(height-1, 14)
	put(0, 1+3) // no alpha, version 0
	put(0, 3)   // no transform, no colour cache, one group of codes
	for _, symbol := range []byte{c[1], c[0], c[2], 255, 0} {
		put(1, 1) // a simple code
		put(0, 1) // of one symbol
		put(1, 1) // of 8 bits
		put(int(symbol), 8)
	}
	put(0, 16)
	if len(stream)%2 != 0 {
		stream = append(stream, 0)
	}
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(12+len(stream)))...)
	b = binary.LittleEndian.AppendUint32(append(b, "WEBPVP8L"...), uint32(len(stream)))
	return append(b, stream...)
}

// A flatJPEG is a JPEG whose components have one value each.
type flatJPEG struct {
	width, height int     // 0: 8
	values        []uint8 // one a component
	names         string  // the components' names, "" for 1, 2, 3
	adobe         bool    // Adobe's marker
	transform     byte    // with it: 0 is RGB or CMYK (inverted, as Adobe writes it), 1 YCbCr, 2 YCCK (K inverted)
	progressive   bool    // one scan of the DC values, one of the (empty) others of each component
	orientation   byte    // EXIF's, 0 for none
	scans         int     // this many more empty scans
}

func (f flatJPEG) encode() []byte {
	if f.width == 0 {
		f.width, f.height = 8, 8
	}
	if f.names == "" {
		f.names = "\x01\x02\x03\x04"
	}
	var b bytes.Buffer
	segment := func(marker byte, data ...byte) {
		b.Write([]byte{0xff, marker, byte((len(data) + 2) >> 8), byte(len(data) + 2)})
		b.Write(data)
	}
	b.Write([]byte{0xff, 0xd8})
	if f.orientation > 0 {
		segment(0xe1, append([]byte("Exif\x00\x00"), exif(binary.BigEndian, uint16(f.orientation))...)...)
	}
	if f.adobe {
		segment(0xee, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, f.transform)
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{8}, 64)...)...) // with steps of 8, DC is value - 128
	frame := []byte{8, byte(f.height >> 8), byte(f.height), byte(f.width >> 8), byte(f.width), byte(len(f.values))}
	scan := []byte{byte(len(f.values))}
	for i := range f.values {
		frame = append(frame, f.names[i], 0x11, 0)
		scan = append(scan, f.names[i], 0)
	}
	marker, last := byte(0xc0), byte(63)
	if f.progressive {
		marker, last = 0xc2, 0
	}
	segment(marker, frame...)
	// ten codes of 4 bits
	segment(0xc4, append([]byte{0x00, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)...)
	// one code of 1 bit: end of block
	segment(0xc4, append([]byte{0x10, 1}, make([]byte, 16)...)...)
	segment(0xda, append(scan, 0, last, 0)...)
	blocks := (f.width + 7) / 8 * ((f.height + 7) / 8)
	w := bitWriter{b: &b}
	for block := range blocks {
		for _, v := range f.values {
			diff, size := int(v)-128, 0
			if block > 0 {
				diff = 0
			}
			for a := max(diff, -diff); a > 0; a >>= 1 {
				size++
			}
			w.put(size, 4)
			if diff < 0 {
				diff += 1<<size - 1
			}
			w.put(diff, size)
			if !f.progressive {
				w.put(0, 1)
			}
		}
	}
	w.flush()
	for i := range len(f.values) + f.scans {
		if f.progressive {
			segment(0xda, 1, f.names[i%len(f.values)], 0, 1, 63, 0)
			for range blocks {
				w.put(0, 1)
			}
			w.flush()
		}
	}
	b.Write([]byte{0xff, 0xd9})
	return b.Bytes()
}

// A bitWriter writes the bits of a JPEG's scan.
type bitWriter struct {
	b    *bytes.Buffer
	bits uint64
	n    int
}

func (w *bitWriter) put(v, width int) {
	w.bits, w.n = w.bits<<width|uint64(v), w.n+width
	for ; w.n >= 8; w.n -= 8 {
		c := byte(w.bits >> (w.n - 8))
		w.b.WriteByte(c)
		if c == 0xff {
			w.b.WriteByte(0)
		}
	}
}

func (w *bitWriter) flush() {
	for w.n%8 != 0 {
		w.put(1, 1)
	}
}

// exif is a TIFF header and a directory of one entry, the orientation.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("MM")
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		b = []byte("II")
	}
	b = order.AppendUint32(order.AppendUint16(b, 42), 8)
	b = order.AppendUint16(order.AppendUint16(order.AppendUint16(b, 1), 0x0112), 3)
	b = order.AppendUint16(order.AppendUint32(b, 1), orientation)
	return append(b, 0, 0, 0, 0, 0, 0)
}
