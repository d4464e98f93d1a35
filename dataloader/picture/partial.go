//go:build !(turbo && cgo)

package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
)

// truncatedJPEG names what Go's decoder says of a JPEG that it does not decode, or that has no end.
func truncatedJPEG(err error, h jpegHeader) error {
	switch {
	case err == nil:
		return fmt.Errorf("%w: no end marker", ErrTruncated)
	case !h.ended, errors.Is(err, jpeg.FormatError("short Huffman data")),
		errors.Is(err, jpeg.FormatError("missing 0xff00 sequence")):
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return cutShort(err)
}

// partialJPEG decodes what there is of a JPEG whose decoding gave cause. Go's decoder gives no part of a picture, but
// it does give all of a smaller one, and leaves the data beyond it alone:
//
//   - baseline: the header's height is lowered until it succeeds, by halving a search over the multiples of 8 rows; the
//     rows below are grey;
//   - progressive: the last scan is left out, which makes the picture coarser.
func partialJPEG(data []byte, h jpegHeader, cause error) (image.Image, error) {
	part := append(append([]byte(nil), data...), 0xff, 0xd9)
	if m, err := jpeg.Decode(h.reader(part)); err == nil {
		return m, nil // only the end marker was missing
	}
	if h.progressive {
		m, err := jpeg.Decode(h.reader(append(part[:h.lastScan:h.lastScan], 0xff, 0xd9)))
		if err != nil || h.scans < 2 {
			return nil, cause
		}
		return m, nil
	}
	var best image.Image
	for low, high := 0, (h.height+7)/8; high-low > 1; { // low groups of 8 rows succeed, high do not
		middle := (low + high) / 2
		binary.BigEndian.PutUint16(part[h.heightAt:], uint16(middle*8))
		if m, err := jpeg.Decode(h.reader(part)); err == nil {
			best, low = m, middle
		} else {
			high = middle
		}
	}
	if best == nil {
		return nil, cause
	}
	whole := image.NewRGBA(image.Rect(0, 0, h.width, h.height))
	draw.Draw(whole, whole.Rect, image.NewUniform(color.Gray{128}), image.Point{}, draw.Src)
	draw.Draw(whole, best.Bounds(), best, image.Point{}, draw.Src)
	return whole, nil
}
