package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
)

const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	pngPaletted  = 3 // the colour type of a palette's numbers
)

// pngSize is what a PNG's first chunk says of its size, in pixels.
func pngSize(data []byte) (width, height int, err error) {
	kind, body, crc, _ := nextChunk(data[len(pngSignature):])
	switch {
	case crc == crcAbsent:
		return width, height, io.ErrUnexpectedEOF
	case kind != "IHDR" || len(body) != 13:
		return width, height, fmt.Errorf("its first chunk is %q of %d bytes: want IHDR of 13", kind, len(body))
	case crc == crcWrong:
		return width, height, errors.New("the checksum of IHDR is wrong")
	}
	return int(binary.BigEndian.Uint32(body)), int(binary.BigEndian.Uint32(body[4:])), nil
}

const (
	crcRight = iota
	crcWrong
	crcAbsent // the chunk is cut short
)

// nextChunk takes a chunk, or what there is of it: a length, a kind of four letters, the body and a checksum of both.
func nextChunk(b []byte) (kind string, body []byte, crc int, rest []byte) {
	if len(b) < 8 {
		return "", nil, crcAbsent, nil
	}
	n := uint64(binary.BigEndian.Uint32(b))
	kind = string(b[4:8])
	if n+12 > uint64(len(b)) {
		return kind, b[8:min(8+n, uint64(len(b)))], crcAbsent, nil
	}
	if crc32.ChecksumIEEE(b[4:8+n]) != binary.BigEndian.Uint32(b[8+n:]) {
		crc = crcWrong
	}
	return kind, b[8 : 8+n], crc, b[12+n:]
}

// decodePNG decodes a PNG. Go's decoder takes only what is right from end to end; what it refuses is mended, as far as
// its pixels are not concerned. Where they are, that is truncated, if that is allowed.
func decodePNG(data []byte, allowTruncated bool) (m image.Image, truncated bool, err error) {
	m, err = png.Decode(bytes.NewReader(data))
	if err == nil {
		return m, truncated, nil
	}
	mended, truncated := mendPNG(data)
	if mended == nil || truncated && !allowTruncated {
		return nil, truncated, err
	}
	m, err = png.Decode(bytes.NewReader(mended))
	return m, truncated, err
}

// mendPNG makes a PNG of what a reader must have of one: the header, the palette, transparency and the pixels, as
// libpng and Pillow read them. Other chunks, and what is wrong with them, do not matter; nor does what comes after the
// pixels, if anything does. Of the two checksums of the pixels, the chunks' and zlib's, one must be right. Pixels that
// are missing become zeros, which are black (palette: the first colour) where the row filters see only zeros; the
// picture is truncated then, and where pixels are damaged. nil: there are no pixels at all.
func mendPNG(data []byte) (mended []byte, truncated bool) {
	var header, palette, transparency []byte
	var deflated bytes.Buffer
	damaged := false
	for rest := data[len(pngSignature):]; len(rest) >= 8; {
		kind, body, crc, behind := nextChunk(rest)
		rest = behind
		switch {
		case kind == "IHDR" && header == nil:
			header = body // was found good
		case kind == "IDAT":
			deflated.Write(body)
			damaged = damaged || crc == crcWrong
		case kind == "IEND":
			rest = nil
		case deflated.Len() > 0 || crc != crcRight: // is passed over, as every other chunk
		case kind == "PLTE" && len(body)%3 == 0 && header[9] == pngPaletted:
			palette = body[:min(len(body), 3<<header[8])]
		case kind == "tRNS" && transparency == nil && transparencyFits(header, palette, body):
			transparency = body
		}
	}
	raw, whole := inflatePNG(&deflated, pngBytes(header), damaged)
	if raw == nil {
		return nil, false
	}
	var b, packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	if err == nil {
		z.Write(raw) // to memory: no errors
		z.Close()
	}
	b.WriteString(pngSignature)
	writeChunk(&b, "IHDR", header)
	if palette != nil {
		writeChunk(&b, "PLTE", palette)
	}
	if transparency != nil {
		writeChunk(&b, "tRNS", transparency)
	}
	writeChunk(&b, "IDAT", packed.Bytes())
	writeChunk(&b, "IEND", nil)
	return b.Bytes(), !whole
}

// inflatePNG unpacks the filtered rows, which are size bytes. whole: they are all there, and not known to be damaged.
func inflatePNG(deflated io.Reader, size int, wrongChunk bool) (raw []byte, whole bool) {
	z, err := zlib.NewReader(deflated)
	if err != nil || size == 0 {
		return nil, false
	}
	raw = make([]byte, size)
	n, _ := io.ReadFull(z, raw)
	if n < size {
		if n == 0 {
			return nil, false
		}
		return raw, false
	}
	const most = 1 << 20 // of bytes beyond the pixels, before zlib's checksum
	_, err = io.CopyN(io.Discard, z, most)
	return raw, !wrongChunk || err == io.EOF
}

// transparencyFits tells whether a tRNS chunk is one for the header's kind of pixels: libpng passes over others.
func transparencyFits(header, palette, body []byte) bool {
	switch header[9] {
	case 0: // grey
		return len(body) == 2
	case 2: // RGB
		return len(body) == 6
	case pngPaletted:
		return palette != nil && len(body) <= 256
	}
	return false
}

// pngBytes is the length of the filtered rows that an IHDR chunk asks for, in all seven passes if it is interlaced.
func pngBytes(ihdr []byte) (n int) {
	width, height := int(binary.BigEndian.Uint32(ihdr)), int(binary.BigEndian.Uint32(ihdr[4:]))
	passes := [][4]int{{0, 0, 1, 1}} // from x, from y, steps
	if ihdr[12] != 0 {
		passes = [][4]int{
			{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
		}
	}
	for _, p := range passes {
		columns, rows := (width-p[0]+p[2]-1)/p[2], (height-p[1]+p[3]-1)/p[3]
		if columns > 0 && rows > 0 {
			n += (1 + (columns*pngBits(ihdr)+7)/8) * rows
		}
	}
	return n
}

// pngBits is the length of a pixel in bits that an IHDR chunk asks for.
func pngBits(ihdr []byte) int {
	channels := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[ihdr[9]]
	return channels * min(int(ihdr[8]), 16)
}

func writeChunk(w *bytes.Buffer, kind string, body []byte) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	w.Write(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:])))
}
