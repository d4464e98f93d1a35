package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// maxScans bounds the scans of a JPEG, each of which costs a pass over all pixels though it may be a few bytes long. A
// progressive encoder writes about ten; the finest possible script has some hundred for each component.
const maxScans = 500

// maxScanPixels bounds scans times pixels: ten scans of the largest picture.
const maxScanPixels = 10 * MaxPixels

// A jpegHeader is what the markers of a JPEG say.
type jpegHeader struct {
	width, height, components int
	progressive               bool
	adobe                     bool // has Adobe's marker
	metadata                  metadata
	scans                     int
	needs, has                uint8 // quantisation tables, as bits
	ended                     bool  // has the end marker
	heightAt                  int   // offset of the two bytes of the height
	lastScan                  int   // offset of the last scan's marker
}

// kinds of frame that are not decoded, by marker.
var jpegKinds = map[byte]string{
	0xc3: "lossless", 0xc5: "hierarchical", 0xc6: "hierarchical", 0xc7: "hierarchical", 0xc9: "arithmetic-coded",
	0xca: "arithmetic-coded", 0xcb: "lossless", 0xcd: "hierarchical", 0xce: "hierarchical", 0xcf: "hierarchical",
	0xcc: "arithmetic-coded", 0xf7: "JPEG-LS",
}

// parseJPEG walks over the markers up to the first end of an image; what follows it is not looked at.
func parseJPEG(data []byte) (jpegHeader, error) {
	var h jpegHeader
	for i := 2; ; {
		marker, at := nextMarker(data, i)
		if marker == 0xd9 {
			h.ended = true
		}
		if at == len(data) || h.ended {
			break
		}
		i = at + 2
		if marker == 0x01 || marker == 0xd8 {
			continue
		}
		if i+2 > len(data) {
			break
		}
		n := int(binary.BigEndian.Uint16(data[i:]))
		if n < 2 {
			return h, fmt.Errorf("segment ff%02x of %d bytes at byte %d: want 2 or more", marker, n, at)
		}
		if i+n > len(data) {
			break
		}
		if err := h.segment(marker, data[i+2:i+n], at); err != nil {
			return h, err
		}
		i += n
	}
	switch {
	case h.components == 0 || h.scans == 0:
		if h.ended {
			return h, fmt.Errorf("no pixels between its markers: want a frame and a scan")
		}
		return h, fmt.Errorf("%w: %d bytes end before the pixels", ErrTruncated, len(data))
	case h.scans > maxScans || h.scans > 1 && h.scans*h.width*h.height > maxScanPixels:
		return h, fmt.Errorf("%d scans of %dx%d pixels: want at most %d, and %d pixels in all scans", h.scans, h.width,
			h.height, maxScans, maxScanPixels)
	}
	if h.needs&^h.has != 0 {
		return h, fmt.Errorf("quantisation tables %04b (a bit each): the frame wants %04b", h.has, h.needs)
	}
	return h, nil
}

// nextMarker finds a marker at or after i that is none of a scan's own: not a stuffed ff00, a restart or a fill byte.
// Without any its offset is len(data).
func nextMarker(data []byte, i int) (marker byte, at int) {
	for i < len(data) {
		ff := bytes.IndexByte(data[i:], 0xff)
		if ff < 0 || i+ff+1 >= len(data) {
			break
		}
		i += ff
		switch m := data[i+1]; {
		case m == 0xff:
			i++
		case m == 0 || m >= 0xd0 && m <= 0xd7:
			i += 2
		default:
			return m, i
		}
	}
	return 0, len(data)
}

// segment takes in one marker's segment, which began at byte at.
func (h *jpegHeader) segment(marker byte, body []byte, at int) error {
	if kind := jpegKinds[marker]; kind != "" {
		return fmt.Errorf("%s: want baseline or progressive with Huffman codes", kind)
	}
	switch marker {
	case 0xc0, 0xc1, 0xc2:
		if h.components > 0 {
			return fmt.Errorf("a second frame at byte %d: want one", at)
		}
		if len(body) < 6 || len(body) != 6+3*int(body[5]) {
			return fmt.Errorf("a frame header of %d bytes", len(body))
		}
		if body[0] != 8 {
			return fmt.Errorf("%d bits a channel: want 8", body[0])
		}
		h.height, h.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
		h.components, h.progressive, h.heightAt = int(body[5]), marker == 0xc2, at+5
		if err := checkPixels(h.width, h.height); err != nil {
			return err
		}
		if h.components != 1 && h.components != 3 && h.components != 4 {
			return fmt.Errorf("%d colour components: want 1, 3 or 4", h.components)
		}
		for i := 8; i < len(body); i += 3 {
			h.needs |= 1 << (body[i] & 7)
		}
	case 0xdb: // tables of 64 entries of one byte, or two, each after a byte with its number
		for len(body) > 0 {
			h.has |= 1 << (body[0] & 7)
			body = body[min(1+64<<(body[0]>>4&1), len(body)):]
		}
	case 0xda:
		if h.components == 0 {
			return fmt.Errorf("a scan before the frame's header at byte %d", at)
		}
		h.scans++
		h.lastScan = at
	case 0xe1:
		h.metadata.segment(body)
	case 0xee:
		h.adobe = h.adobe || len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe"))
	}
	return nil
}

// flags are those that the header tells.
func (h *jpegHeader) flags() Flags {
	switch h.components {
	case 1:
		return Grey
	case 4:
		return CMYK
	}
	return 0
}
