package picture_test

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"strings"
	"testing"

	"duet/dataloader/picture"
)

// A gifFile is a GIF of one frame or more.
type gifFile struct {
	screen  [2]int
	colours int    // of the screen's table, 0 for none
	before  string // blocks before the frame
	frame   [4]int // left, top, width, height
	flags   byte   // 0x40: interlaced, 0x80: a table of its own, of 2 colours
	numbers []byte // the pixels' colours, in the order in which they are stored
	after   string
}

func gifColour(i int) [3]uint8 { return [3]uint8{uint8(240 - 10*i), uint8(9 * i), uint8(100 + i)} }

func (g gifFile) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint16([]byte("GIF89a"), uint16(g.screen[0])), uint16(g.screen[1]))
	if g.colours == 0 {
		b = append(b, 0, 0, 0)
	} else {
		size := byte(0)
		for 2<<size < g.colours {
			size++
		}
		b = append(b, 0x80|size, 0, 0)
		for i := range 2 << size {
			c := gifColour(i)
			b = append(b, c[:]...)
		}
	}
	b = append(append(b, g.before...), 0x2c)
	for _, v := range g.frame {
		b = le.AppendUint16(b, uint16(v))
	}
	if b = append(b, g.flags); g.flags&0x80 != 0 {
		b = append(b, 1, 2, 3, 4, 5, 6)
	}
	b = append(b, 8) // bits of a code
	var codes bytes.Buffer
	w := lzw.NewWriter(&codes, lzw.LSB, 8)
	w.Write(g.numbers)
	w.Close()
	for codes.Len() > 0 {
		block := codes.Next(7)
		b = append(append(b, byte(len(block))), block...)
	}
	return append(append(append(b, 0), g.after...), 0x3b)
}

// transparentColour is the block that says which colour is none.
func transparentColour(i byte) string { return string([]byte{0x21, 0xf9, 4, 1, 0, 0, i, 0}) }

// TestGIF: what writers do, right or not; Pillow 13 reads the same pixels where it reads the file at all.
func TestGIF(t *testing.T) {
	nine := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8}
	whole := gifFile{screen: [2]int{3, 3}, colours: 16, frame: [4]int{0, 0, 3, 3}, numbers: nine}
	change := func(f func(g *gifFile)) gifFile {
		g := whole
		f(&g)
		return g
	}
	const in, out = picture.NotJPEG, picture.NotJPEG | picture.Alpha // out: something of the screen shows
	for name, c := range map[string]struct {
		file  gifFile
		size  int
		flags picture.Flags
		want  string // numbers of colours, ". " for black
	}{
		"whole": {whole, 3, in, "012 345 678"},
		"interlaced": {change(func(g *gifFile) {
			g.flags = 0x40
			g.numbers = []byte{0, 1, 2, 6, 7, 8, 3, 4,
				5}
		}), 3, in, "012 345 678"},
		"a frame in its screen": {change(func(g *gifFile) { g.screen = [2]int{5, 5}; g.frame[0], g.frame[1] = 1, 2 }),
			5, out, "..... ..... .012. .345. .678."},
		"a frame beyond its screen": {change(func(g *gifFile) { g.screen = [2]int{2, 2} }), 3, in, "012 345 678"},
		"a frame moved out": {change(func(g *gifFile) { g.screen = [2]int{2, 4}; g.frame[0], g.frame[1] = 1, 1 }),
			4, out, ".... .012 .345 .678"},
		"a screen of no pixels":   {change(func(g *gifFile) { g.screen = [2]int{0, 0} }), 3, in, "012 345 678"},
		"a transparent colour":    {change(func(g *gifFile) { g.before = transparentColour(4) }), 3, out, "012 3.5 678"},
		"transparent, not in use": {change(func(g *gifFile) { g.before = transparentColour(200) }), 3, in, "012 345 678"},
		"a comment": {change(func(g *gifFile) { g.before = "\x21\xfe\x03abc\x02de\x00" }), 3, in,
			"012 345 678"},
		"a frame in a comment": {change(func(g *gifFile) { g.before = "\x21\xfe\x02a,\x00" }), 3, in, "012 345 678"},
		"an unknown extension": {change(func(g *gifFile) { g.before = "\x21\x77\x01a\x00" }), 3, in, "012 345 678"},
		"a long control block": {change(func(g *gifFile) { g.before = "\x21\xf9\x05\x01\x00\x00\x04\x00\x00" }), 3,
			out, "012 3.5 678"},
		"bytes between the blocks": {change(func(g *gifFile) { g.before = "\x00\x00\x07" }), 3, in, "012 345 678"},
		"colours beyond the table": {change(func(g *gifFile) { g.colours = 4 }), 3, in, "012 3.. ..."},
		"more colours than pixels": {change(func(g *gifFile) { g.numbers = append(nine, 9, 10, 11, 12) }), 3, in,
			"012 345 678"},
		"a damaged second frame": {change(func(g *gifFile) { g.after = "\x2c garbage" }), 3, in, "012 345 678"},
		"a second frame, out of both": {change(func(g *gifFile) {
			g.after = "\x2c\x09\x00\x09\x00\x09\x00\x09\x00\x00\x08\x00"
		}), 3, in, "012 345 678"},
	} {
		got, flags, err := decode(t, c.file.encode(), picture.Options{Size: c.size})
		if err != nil || flags != c.flags {
			t.Errorf("%s: flags %q, error %v, want %q", name, flags, err, c.flags)
			continue
		}
		checkNumbers(t, name, got, c.want)
	}
	grey := change(func(g *gifFile) { g.colours = 0 })
	got, _, err := decode(t, grey.encode(), picture.Options{Size: 3})
	if check(t, err); !bytes.Equal(got[12:15], []byte{4, 4, 4}) {
		t.Errorf("without a table: the fifth pixel is %v, want the grey level of its number, 4", got[12:15])
	}
	own := change(func(g *gifFile) { g.flags = 0x80; g.numbers = []byte{0, 1, 0, 1, 0, 1, 0, 1, 0} })
	got, _, err = decode(t, own.encode(), picture.Options{Size: 3})
	if check(t, err); !bytes.Equal(got[:6], []byte{1, 2, 3, 4, 5, 6}) {
		t.Errorf("a table of its own: the first pixels are %v, want 1 to 6", got[:6])
	}
}

// checkNumbers compares pixels with rows of numbers of gifColour; a dot is black.
func checkNumbers(t *testing.T, name string, got []byte, want string) {
	t.Helper()
	for i, n := range strings.ReplaceAll(want, " ", "") {
		c := [3]uint8{}
		if n != '.' {
			c = gifColour(int(n - '0'))
		}
		if p := [3]uint8(got[3*i:]); p != c {
			t.Errorf("%s: pixel %d is %v, want %v", name, i, p, c)
			return
		}
	}
}

// TestGIFCut: pixels that are missing, and what is no picture.
func TestGIFCut(t *testing.T) {
	g := gifFile{screen: [2]int{3, 3}, colours: 16, frame: [4]int{0, 0, 3, 3}, numbers: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}}
	whole := g.encode()
	few := g
	few.numbers = g.numbers[:5]
	pixels := bytes.IndexByte(whole, 0x2c) + 11
	for name, data := range map[string][]byte{"file cut short": whole[:pixels+1+7], "too few codes": few.encode()} {
		if _, _, err := decode(t, data, picture.Options{Size: 3}); !isTruncated(err) {
			t.Errorf("%s: error %v, want %v", name, err, picture.ErrTruncated)
		}
		got, flags, err := decode(t, data, picture.Options{Size: 3, Reading: picture.Reading{AllowTruncated: true}})
		if err != nil || flags != picture.NotJPEG|picture.Truncated {
			t.Errorf("%s, allowed: flags %q, error %v", name, flags, err)
		}
		checkNumbers(t, name, got, "123 450 000")
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"a screen alone":    {whole[:13], "GIF: cut short"},
		"half a table":      {whole[:20], "GIF: cut short"},
		"half a descriptor": {whole[:pixels-5], "GIF: cut short"},
		"no pixels":         {whole[:pixels], "GIF: row 0 of 3: cut short"},
		"no frame":          {append(bytes.Clone(whole[:13+48]), 0x3b), "GIF: no frame before its end"},
		"a frame of no pixels": {gifFile{screen: [2]int{3, 3}, colours: 2, frame: [4]int{0, 0, 0, 3}}.encode(),
			"GIF: a frame of 0x3 pixels: want 1 or more"},
		"codes of 9 bits": {append(append(bytes.Clone(whole[:pixels-1]), 9), whole[pixels:]...),
			"GIF: codes of 9 bits: want 2 to 8"},
		"a huge frame": {gifFile{colours: 2, frame: [4]int{65535, 0, 65535, 65535}}.encode(),
			"GIF: 131070x65535 pixels: want 1 to"},
		"codes of nothing": {append(bytes.Clone(whole[:pixels]), 4, 0xff, 0xff, 0xff, 0xff, 0),
			"GIF: row 0 of 3: lzw: invalid code"},
	} {
		for _, allow := range []bool{false, true} {
			_, _, err := decode(t, c.data, picture.Options{Size: 3, Reading: picture.Reading{AllowTruncated: allow}})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s, allowed %v: error %v, want %q", name, allow, err, c.want)
			}
		}
	}
}
