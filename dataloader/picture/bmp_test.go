package picture_test

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"testing"

	"duet/dataloader/picture"
)

// A bmpVariant is a BMP of 5x5 pixels in one of the ways in which such files are written.
type bmpVariant struct {
	header      int // length of the information header
	bits        int
	compression uint32
	masks       []uint32 // red, green, blue and perhaps alpha; behind a header of 40 bytes, else in it
	colours     int      // in the palette
	used        uint32   // what the header says of them
	topDown     bool
	gap         int             // bytes before the pixels
	offset      func(int) int   // what the file says of where the pixels are
	alpha       func(x int) int // of a pixel, 0 to 255
	runs        []byte          // the pixels, of run lengths
}

const bmpSide = 5

// index is a pixel's number of a colour, colour the palette's.
func (v bmpVariant) index(x, y int) int { return (2*x + 3*y) % v.colours }

func paletteColour(i int) [3]uint8 {
	return [3]uint8{uint8(250 - 13*i), uint8(7 * i), uint8(20 + 11*i)}
}

// channel is one of a pixel's channels, as its mask keeps it and as it is to be read: v*255/most, rounded down as
// Pillow does.
func (v bmpVariant) channel(c, x, y int) (kept, read uint32) {
	value := []uint32{uint32(50*x + 5), uint32(60*y + 1), uint32(20*(x+y) + 9), 255}[c]
	if c == 3 && v.alpha != nil {
		value = uint32(v.alpha(x))
	}
	if c >= len(v.masks) || v.masks[c] == 0 {
		return 0, 255
	}
	shift := bits.TrailingZeros32(v.masks[c])
	most := v.masks[c] >> shift
	if most > 255 { // the upper 8 bits are read
		return value << (shift + bits.Len32(most) - 8), value
	}
	kept = value * most / 255
	return kept << shift, kept * 255 / most
}

// want is the pixel that is to be read, what is transparent over black.
func (v bmpVariant) want(x, y int) (rgb [3]uint8) {
	if v.bits <= 8 {
		return paletteColour(v.index(x, y))
	}
	_, alpha := v.channel(3, x, y)
	for c := range rgb {
		_, read := v.channel(c, x, y)
		rgb[c] = uint8(read * 257 * alpha / 255 >> 8)
	}
	return rgb
}

func (v bmpVariant) encode() []byte {
	le := binary.LittleEndian
	info := make([]byte, v.header)
	le.PutUint32(info, uint32(v.header))
	if v.header == 12 {
		copy(info[4:], []byte{bmpSide, 0, bmpSide, 0, 1, 0, byte(v.bits), 0})
	} else {
		height := int32(bmpSide)
		if v.topDown {
			height = -height
		}
		full := make([]byte, max(v.header, 124))
		copy(full, info[:4])
		le.PutUint32(full[4:], bmpSide)
		le.PutUint32(full[8:], uint32(height))
		copy(full[12:], []byte{1, 0, byte(v.bits), 0})
		le.PutUint32(full[16:], v.compression)
		le.PutUint32(full[32:], v.used)
		if v.header > 40 && v.compression == 3 {
			for i, mask := range v.masks {
				le.PutUint32(full[40+4*i:], mask)
			}
		}
		copy(info, full)
	}
	b := append(make([]byte, 14), info...)
	copy(b, "BM")
	if v.header <= 40 && v.compression != 0 {
		for _, mask := range v.masks {
			b = le.AppendUint32(b, mask)
		}
	}
	for i := range v.colours {
		c := paletteColour(i)
		b = append(b, c[2], c[1], c[0])
		if v.header > 12 {
			b = append(b, 0)
		}
	}
	b = append(b, make([]byte, v.gap)...)
	offset := len(b)
	if v.offset != nil {
		offset = v.offset(offset)
	}
	le.PutUint32(b[10:], uint32(offset))
	if v.runs != nil {
		return append(b, v.runs...)
	}
	for i := range bmpSide {
		y := bmpSide - 1 - i
		if v.topDown {
			y = i
		}
		row := make([]byte, (bmpSide*v.bits+31)/32*4)
		for x := range bmpSide {
			if v.bits <= 8 {
				row[x*v.bits/8] |= byte(v.index(x, y) << (8 - v.bits - x*v.bits%8))
				continue
			}
			pixel := uint32(0)
			for c := range 4 {
				kept, _ := v.channel(c, x, y)
				pixel |= kept
			}
			var four [4]byte
			le.PutUint32(four[:], pixel)
			copy(row[x*v.bits/8:], four[:v.bits/8])
		}
		b = append(b, row...)
	}
	return b
}

var (
	masks555  = []uint32{0x7c00, 0x3e0, 0x1f}
	masks565  = []uint32{0xf800, 0x7e0, 0x1f}
	masks8    = []uint32{0xff0000, 0xff00, 0xff}
	masks8888 = []uint32{0xff0000, 0xff00, 0xff, 0xff000000}
)

// bmpVariants are read as Pillow 13 reads them, or not by it where that is said.
var bmpVariants = map[string]bmpVariant{
	"1 bit":                        {header: 40, bits: 1, colours: 2},
	"2 bits":                       {header: 40, bits: 2, colours: 4}, // Windows CE's; not Pillow's
	"4 bits":                       {header: 40, bits: 4, colours: 16},
	"8 bits, the palette is short": {header: 40, bits: 8, colours: 9, used: 9},
	"8 bits, too long a palette":   {header: 40, bits: 8, colours: 300, used: 300},
	"8 bits, from the top":         {header: 40, bits: 8, colours: 200, used: 200, topDown: true},
	"8 bits, a gap":                {header: 40, bits: 8, colours: 256, gap: 6},
	"8 bits, the offset is 0":      {header: 40, bits: 8, colours: 256, offset: func(int) int { return 0 }},
	"8 bits, without the palette":  {header: 40, bits: 8, colours: 256, offset: func(int) int { return 54 }},
	"OS/2, 1 bit":                  {header: 12, bits: 1, colours: 2},
	"OS/2, 4 bits":                 {header: 12, bits: 4, colours: 16},
	"OS/2, 8 bits":                 {header: 12, bits: 8, colours: 256},
	"OS/2, 24 bits":                {header: 12, bits: 24, masks: masks8},
	"OS/2, version 2":              {header: 64, bits: 8, colours: 256},
	"OS/2, version 2, short":       {header: 16, bits: 24, masks: masks8}, // not Pillow's
	"16 bits":                      {header: 40, bits: 16, masks: masks555},
	"16 bits, from the top":        {header: 40, bits: 16, masks: masks555, topDown: true},
	"16 bits, version 4":           {header: 108, bits: 16, masks: masks555},
	"555 by masks":                 {header: 40, bits: 16, compression: 3, masks: masks555},
	"565":                          {header: 40, bits: 16, compression: 3, masks: masks565},
	"565, version 5": {header: 124, bits: 16, compression: 3,
		masks: append([]uint32{}, 0xf800, 0x7e0, 0x1f, 0)},
	// not Pillow's
	"4444":                          {header: 56, bits: 16, compression: 3, masks: []uint32{0xf00, 0xf0, 0xf, 0xf000}},
	"24 bits":                       {header: 40, bits: 24, masks: masks8},
	"24 bits, a gap":                {header: 40, bits: 24, masks: masks8, gap: 8},
	"24 bits, colours unused":       {header: 40, bits: 24, masks: masks8, used: 256},
	"24 bits, version 5":            {header: 124, bits: 24, masks: masks8},
	"24 bits by masks":              {header: 40, bits: 24, compression: 3, masks: masks8},
	"32 bits":                       {header: 40, bits: 32, masks: masks8},
	"32 bits, the fourth byte used": {header: 40, bits: 32, masks: masks8},
	"32 bits by masks":              {header: 40, bits: 32, compression: 3, masks: masks8},
	"32 bits, RGBX by masks":        {header: 40, bits: 32, compression: 3, masks: []uint32{0xff000000, 0xff0000, 0xff00}},
	"32 bits, version 2":            {header: 52, bits: 32, compression: 3, masks: masks8},
	"32 bits, alpha": {header: 108, bits: 32, compression: 3, masks: masks8888,
		alpha: func(x int) int { return 51 * x }},
	"32 bits, alpha, version 3": {header: 56, bits: 32, compression: 3, masks: masks8888,
		alpha: func(x int) int { return 51 * x }},
	"32 bits, alpha first": {header: 124, bits: 32, compression: 3,
		masks: []uint32{0xff000000, 0xff0000, 0xff00, 0xff}, alpha: func(x int) int { return 255 - x }},
	// not Pillow's
	"10 bits a channel": {header: 40, bits: 32, compression: 3, masks: []uint32{0x3ff00000, 0xffc00, 0x3ff}},
	// not Pillow's
	"alpha by Windows CE": {header: 40, bits: 32, compression: 6, masks: masks8888,
		alpha: func(x int) int { return 51 * x }},
}

func TestBMPVariants(t *testing.T) {
	for name, v := range bmpVariants {
		data := v.encode()
		if name == "32 bits, the fourth byte used" {
			for i := 54 + 3; i < len(data); i += 4 {
				data[i] = byte(i)
			}
		}
		want := picture.NotJPEG
		if v.alpha != nil {
			want |= picture.Alpha
		}
		checkBMP(t, name, data, want, v.want)
	}
	for _, name := range []string{"24 bits", "8 bits, a gap", "16 bits, from the top"} {
		checkBMP(t, name+", and bytes behind", append(bmpVariants[name].encode(), 1, 2, 3, 4, 5), picture.NotJPEG,
			bmpVariants[name].want)
	}
	unpadded := bmpVariants["24 bits"]
	checkBMP(t, "the last row is not padded", unpadded.encode()[:54+16*bmpSide-1], picture.NotJPEG, unpadded.want)
	unwritten := bmpVariants["32 bits, alpha"]
	unwritten.alpha = func(int) int { return 0 }
	data := unwritten.encode()
	unwritten.alpha = nil
	nothing := bmpVariant{header: 40, bits: 32, compression: 3, masks: masks8888,
		alpha: func(x int) int { return 255 - x }}
	masked := nothing.encode()
	clear(masked[54:70])
	checkBMP(t, "masks of nothing", masked, picture.NotJPEG|picture.Alpha, nothing.want)
	checkBMP(t, "alpha that nobody wrote", data, picture.NotJPEG, unwritten.want) // as browsers do: else it is black
}

func checkBMP(t *testing.T, name string, data []byte, wantFlags picture.Flags, want func(x, y int) [3]uint8) {
	t.Helper()
	got, flags, err := decode(t, data, picture.Options{Size: bmpSide})
	if err != nil || flags != wantFlags {
		t.Errorf("%s: flags %q, error %v, want %q", name, flags, err, wantFlags)
		return
	}
	for y := range bmpSide {
		for x := range bmpSide {
			if p := [3]uint8(got[3*(y*bmpSide+x):]); p != want(x, y) {
				t.Errorf("%s: pixel %d,%d is %v, want %v", name, x, y, p, want(x, y))
				return
			}
		}
	}
}

// TestBMPRuns: run lengths, from the lowest row on.
func TestBMPRuns(t *testing.T) {
	for name, c := range map[string]struct {
		bits int
		runs []byte
		want string // the picture's rows of numbers, the highest first
	}{
		"rows": {8, []byte{5, 1, 0, 0, 2, 2, 3, 3, 0, 0, 5, 4, 0, 0, 5, 5, 0, 0, 5, 6, 0, 1},
			"66666 55555 44444 22333 11111"},
		"without the end": {8, []byte{5, 1, 0, 0, 5, 2, 0, 0, 5, 3, 0, 0, 5, 4, 0, 0, 5, 5},
			"55555 44444 33333 22222 11111"},
		"an early end": {8, []byte{5, 1, 0, 0, 2, 2, 0, 1}, "00000 00000 00000 22000 11111"},
		"short rows":   {8, []byte{1, 1, 0, 0, 2, 2, 0, 0, 0, 0, 3, 3, 0, 1}, "00000 33300 00000 22000 10000"},
		"a jump":       {8, []byte{1, 1, 0, 2, 2, 1, 2, 2, 0, 2, 0, 2, 9, 9, 0, 1}, "00000 00000 00000 00022 10000"},
		"as they are": {8, []byte{0, 5, 1, 2, 3, 4, 5, 99, 0, 0, 0, 4, 6, 7, 8, 9, 0, 1},
			"00000 00000 00000 67890 12345"},
		"too long a run":  {8, []byte{200, 1, 9, 9, 0, 0, 5, 2, 0, 1}, "00000 00000 00000 22222 11111"},
		"4 bits, in turn": {4, []byte{5, 0x12, 0, 0, 4, 0x33, 0, 1}, "00000 00000 00000 33330 12121"},
		"4 bits, as is": {4, []byte{0, 5, 0x12, 0x34, 0x50, 99, 0, 0, 0, 3, 0x67, 0x80, 0, 1},
			"00000 00000 00000 67800 12345"},
		"beyond the last":   {8, []byte{0, 2, 0, 4, 5, 1, 0, 0, 5, 2, 0, 0, 5, 3}, "11111 00000 00000 00000 00000"},
		"4 bits, a jump up": {4, []byte{0, 2, 1, 4, 2, 0x55, 0, 1}, "05500 00000 00000 00000 00000"},
	} {
		v := bmpVariant{header: 40, bits: c.bits, compression: uint32(1 + (8-c.bits)/4), colours: 16, used: 16, runs: c.runs}
		checkBMP(t, name, v.encode(), picture.NotJPEG, func(x,
			y int) [3]uint8 {
			return paletteColour(int(c.want[6*y+x] - '0'))
		})
	}
}

// TestBMPRefused: what no picture can be made of says what is wrong; a part of the pixels is one, if that is allowed.
func TestBMPRefused(t *testing.T) {
	change := func(data []byte, at int, value uint32) []byte {
		binary.LittleEndian.PutUint32(data[at:], value)
		return data
	}
	plain := func() []byte { return bmpVariants["24 bits"].encode() }
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"a header of 13 bytes": {change(plain(), 14, 13), "BMP: a header of 13 bytes: want 12, or 16 to 124"},
		"a header of 4 GiB":    {change(plain(), 14, 1<<32-1), "BMP: a header of 4294967295 bytes"},
		"a picture in it": {change(plain(), 30, 5),
			"BMP: compression 5: want 0 (none), 1 and 2 (run lengths), 3 or 6 (bit fields)"},
		"3 bits": {change(plain(), 26, 1|3<<16),
			"BMP: 3 bits a pixel with compression 0: want one of [1 2 4 8 16 24 32]"},
		"run lengths of 24 bit": {change(plain(), 30, 1), "BMP: 24 bits a pixel with compression 1: want one of [8]"},
		"no columns":            {change(plain(), 18, 0), "BMP: 0x5 pixels: want 1 to"},
		"columns below 0":       {change(plain(), 18, 1<<32-5), "BMP: -5x5 pixels"},
		"as many rows as can":   {change(plain(), 22, 1<<31), "BMP: 5x2147483648 pixels"},
		"only a beginning":      {plain()[:17], "BMP: cut short"},
		"half a header":         {plain()[:40], "BMP: cut short"},
		"masks cut off":         {bmpVariants["565"].encode()[:60], "BMP: cut short"},
		"pixels cut off":        {plain()[:100], "BMP: cut short: 46 bytes of 79 for 5x5 pixels"},
		"pixels far away":       {change(plain(), 10, 1<<32-1), "BMP: cut short: 0 bytes of 79 for 5x5 pixels"},
		"many pixels of few":    {change(change(plain(), 18, 8000), 22, 8000), "BMP: cut short"},
		"runs cut off": {bmpVariant{header: 40, bits: 8, compression: 1, colours: 2, used: 2,
			runs: []byte{5, 1, 0, 0, 5}}.encode(), "BMP: cut short: the runs end"},
	} {
		_, _, err := decode(t, c.data, picture.Options{Size: bmpSide})
		if err == nil || fmt.Sprint(err)[:min(len(c.want), len(fmt.Sprint(err)))] != c.want {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	allowed := picture.Options{Size: bmpSide, Reading: picture.Reading{AllowTruncated: true}}
	v := bmpVariants["24 bits"]
	got, flags, err := decode(t, v.encode()[:54+16*2+6], allowed) // two rows and two pixels, from below
	check(t, err)
	if flags != picture.NotJPEG|picture.Truncated {
		t.Errorf("cut short, allowed: flags %q", flags)
	}
	for i := range bmpSide * bmpSide {
		x, y, want := i%bmpSide, i/bmpSide, [3]uint8{}
		if y >= 3 || y == 2 && x < 2 {
			want = v.want(x, y)
		}
		if p := [3]uint8(got[3*i:]); p != want {
			t.Errorf("cut short, allowed: pixel %d,%d is %v, want %v", x, y, p, want)
		}
	}
	if _, _, err := decode(t, change(change(plain(), 18, 8000), 22, 8000), allowed); !isTruncated(err) {
		t.Errorf("many pixels of few bytes, allowed: error %v", err)
	}
}
