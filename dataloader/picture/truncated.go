package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// cutShort makes ErrTruncated the cause of the errors by which decoders say that their input ended.
func cutShort(err error) error {
	if err == nil || errors.Is(err, ErrTruncated) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "not enough") {
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return err
}

// completePNG makes a whole PNG of one that ends early or is damaged: what its image data inflates to, then zeros, which
// are black (palette: the first colour) where the row filters see only zeros. cause is why it did not decode.
func completePNG(data []byte, cause error) ([]byte, error) {
	var kept, deflated bytes.Buffer
	kept.WriteString("\x89PNG\r\n\x1a\n")
	var size int
	for rest := data[8:]; len(rest) >= 8; {
		n, kind := int(binary.BigEndian.Uint32(rest)), string(rest[4:8])
		body := rest[8:min(8+n, len(rest))]
		switch {
		case kind == "IHDR" && len(body) == 13:
			if size = pngBytes(body); size == 0 {
				return nil, cause
			}
			writeChunk(&kept, kind, body)
		case (kind == "PLTE" || kind == "tRNS") && len(body) == n:
			writeChunk(&kept, kind, body)
		case kind == "IDAT":
			deflated.Write(body)
		}
		rest = rest[min(12+n, len(rest)):]
	}
	z, err := zlib.NewReader(&deflated)
	if err != nil || size == 0 {
		return nil, cause
	}
	raw := make([]byte, size)
	if n, _ := io.ReadFull(z, raw); n == 0 {
		return nil, cause
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	writeChunk(&kept, "IDAT", packed.Bytes())
	writeChunk(&kept, "IEND", nil)
	return kept.Bytes(), nil
}

// pngBytes is the length of the filtered rows that an IHDR chunk asks for, 0 if it is interlaced or makes no sense.
func pngBytes(ihdr []byte) int {
	width, height := int(binary.BigEndian.Uint32(ihdr)), int(binary.BigEndian.Uint32(ihdr[4:]))
	if ihdr[12] != 0 || checkPixels(width, height) != nil {
		return 0
	}
	return (1 + (width*pngBits(ihdr)+7)/8) * height
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
