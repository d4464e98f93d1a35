package picture

import (
	"bytes"
	"encoding/binary"
	"math"
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

// parseEXIF finds the orientation in EXIF data, which is a TIFF header and its first directory, as Pillow does: a
// number of any type, the first where there are several. found: the directory has one, be it out of range.
func parseEXIF(tiff []byte) (o orientation, found bool) {
	for bytes.HasPrefix(tiff, []byte(exifPrefix)) { // once is right in a JPEG; others write it too, or twice
		tiff = tiff[len(exifPrefix):]
	}
	if len(tiff) < 8 {
		return upright, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(tiff[:2]) == "MM" {
		order = binary.BigEndian
	} else if string(tiff[:2]) != "II" {
		return upright, false
	}
	const magic, swapped = 42, 42 << 8 // the latter is wrong, and written
	at := uint64(order.Uint32(tiff[4:]))
	if m := order.Uint16(tiff[2:]); m != magic && m != swapped || at+2 > uint64(len(tiff)) {
		return upright, false
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		const entry, tag = 12, 0x0112
		if len(entries) < entry {
			break
		}
		if order.Uint16(entries) == tag {
			v, ok := exifNumber(order, tiff, entries)
			if o := orientation(v); ok && float64(o) == v && o >= 1 && o <= 8 {
				return o, true
			}
			return upright, ok
		}
		entries = entries[entry:]
	}
	return upright, false
}

// exifNumber is the first number of an entry: its tag, type and count, then the numbers or, if they take more than four
// bytes, where they are. ok is false if there are none.
func exifNumber(order binary.ByteOrder, tiff, entry []byte) (v float64, ok bool) {
	type number struct {
		size int
		read func(b []byte) float64
	}
	signed := func(b []byte) float64 { return float64(int32(order.Uint32(b))) }
	unsigned := func(b []byte) float64 { return float64(order.Uint32(b)) }
	kind, ok := map[uint16]number{
		3:  {2, func(b []byte) float64 { return float64(order.Uint16(b)) }},
		4:  {4, unsigned},
		5:  {8, func(b []byte) float64 { return unsigned(b) / unsigned(b[4:]) }},
		6:  {1, func(b []byte) float64 { return float64(int8(b[0])) }},
		8:  {2, func(b []byte) float64 { return float64(int16(order.Uint16(b))) }},
		9:  {4, signed},
		10: {8, func(b []byte) float64 { return signed(b) / signed(b[4:]) }},
		11: {4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }},
		12: {8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }},
		13: {4, unsigned},
		16: {8, func(b []byte) float64 { return float64(order.Uint64(b)) }},
	}[order.Uint16(entry[2:])]
	count := uint64(order.Uint32(entry[4:]))
	if !ok || count == 0 {
		return 0, false
	}
	b := entry[8:12]
	if uint64(kind.size)*count > 4 {
		at := uint64(order.Uint32(b))
		if at+uint64(kind.size)*count > uint64(len(tiff)) {
			return 0, false
		}
		b = tiff[at:]
	}
	return kind.read(b), true
}
