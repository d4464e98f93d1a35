package picture

import (
	"bytes"
	"encoding/binary"
)

// An orientation is EXIF's: 1 is upright, 2 to 8 are the mirrored and turned ones.
type orientation int

const upright orientation = 1

// turn says where the pixels of an upright picture are in the stored one: its pixel (x,y) is the stored (x,y), or (y,x)
// with swap, then counted from the right with flipX, from below with flipY.
func (o orientation) turn() (swap, flipX, flipY bool) {
	switch o {
	case 2:
		return false, true, false
	case 3:
		return false, true, true
	case 4:
		return false, false, true
	case 5:
		return true, false, false
	case 6:
		return true, false, true
	case 7:
		return true, true, true
	case 8:
		return true, true, false
	}
	return false, false, false
}

// parseEXIF finds the orientation in EXIF data, which is a TIFF header and its first directory: upright if there is none,
// or if the data make no sense.
func parseEXIF(tiff []byte) orientation {
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(tiff[:2]) == "MM" {
		order = binary.BigEndian
	} else if string(tiff[:2]) != "II" {
		return upright
	}
	at := uint64(order.Uint32(tiff[4:]))
	if order.Uint16(tiff[2:]) != 42 || at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		const entry, tag, short = 12, 0x0112, 3
		if len(entries) < entry {
			break
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short && order.Uint32(entries[4:]) == 1 {
			if o := orientation(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			break
		}
		entries = entries[entry:]
	}
	return upright
}

// exifOf finds the orientation of a PNG (chunk eXIf) or a WebP (chunk EXIF); other formats have none.
func exifOf(data []byte, format string) orientation {
	switch format {
	case "PNG":
		for rest := data[len(pngSignature):]; len(rest) >= 8; {
			kind, body, crc, behind := nextChunk(rest)
			if kind == "eXIf" && crc == crcRight {
				return parseEXIF(body)
			}
			rest = behind
		}
	case "WebP": // kind, length, body, and a byte where the length is odd
		for rest := data[12:]; len(rest) >= 8; {
			n := uint64(binary.LittleEndian.Uint32(rest[4:]))
			if n+8 > uint64(len(rest)) {
				break
			}
			if string(rest[:4]) == "EXIF" {
				return parseEXIF(bytes.TrimPrefix(rest[8:8+n], []byte("Exif\x00\x00")))
			}
			rest = rest[min(8+n+n%2, uint64(len(rest))):]
		}
	}
	return upright
}
