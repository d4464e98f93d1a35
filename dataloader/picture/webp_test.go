package picture_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"duet/dataloader/picture"
)

// lossyPixels are 4x4 pixels of one colour, about 201 100 48, as libwebp wrote them.
const lossyPixels = "f001009d012a0400040001402625a00274ba01f80004c80000feae17ff36040cd0fa60ffd26cf136789b3e398000"

// webpChunk is a chunk: a kind of four letters, a length and the body.
func webpChunk(kind string, body ...byte) string {
	b := append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), body...)
	return string(append(b, make([]byte, len(b)%2)...))
}

func webpFile(chunks ...string) []byte {
	all := "WEBP" + strings.Join(chunks, "")
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(all))), all...)
}

// webpScreen is the header of an extended file.
func webpScreen(flags byte, width, height int) string {
	return webpChunk("VP8X", flags, 0, 0, 0, byte(width-1), 0, 0, byte(height-1), 0, 0)
}

// webpAnimated is a frame of 4x4 pixels at (2*x,2*y).
func webpAnimated(x, y byte, chunks ...string) string {
	head := []byte{x, 0, 0, y, 0, 0, 3, 0, 0, 3, 0, 0, 40, 0, 0, 0}
	return webpChunk("ANMF", append(head, strings.Join(chunks, "")...)...)
}

// TestWebP: stills and the first frames of animations; Pillow 13 reads the same pixels but where it is said.
func TestWebP(t *testing.T) {
	const animation, alpha = 2, 16
	lossy, err := hex.DecodeString(lossyPixels)
	check(t, err)
	vp8 := webpChunk("VP8 ", lossy...)
	vp8l := string(losslessWebP(4, 4, [3]byte{200, 100, 50})[12:])
	other := string(losslessWebP(4, 4, [3]byte{1, 2, 3})[12:])
	half := webpChunk("ALPH", append([]byte{0}, bytes.Repeat([]byte{128}, 16)...)...) // as it is, not packed
	anim := webpChunk("ANIM", 1, 2, 3, 4, 0, 0)
	const in, out = picture.NotJPEG, picture.NotJPEG | picture.Alpha
	lossyColour, losslessColour, halfColour := [3]uint8{201, 100, 48}, [3]uint8{200, 100, 50}, [3]uint8{101, 50, 24}
	for name, c := range map[string]struct {
		data   []byte
		size   int
		flags  picture.Flags
		colour [3]uint8
		at     int // the frame's place from above and left
	}{
		"lossy":    {webpFile(vp8), 4, in, lossyColour, 0},
		"lossless": {webpFile(vp8l), 4, in, losslessColour, 0},
		"extended": {webpFile(webpScreen(0, 4, 4), webpChunk("ICCP", 1, 2, 3), vp8, webpChunk("EXIF")), 4,
			in, lossyColour, 0},
		"alpha":                      {webpFile(webpScreen(alpha, 4, 4), half, vp8), 4, out, halfColour, 0},
		"alpha without its flag":     {webpFile(webpScreen(0, 4, 4), half, vp8), 4, in, lossyColour, 0},
		"a flag without alpha":       {webpFile(webpScreen(alpha, 4, 4), vp8), 4, in, lossyColour, 0},
		"a wrong length of the file": {append([]byte("RIFF\x40\x42\x0f\x00"), webpFile(vp8)[8:]...), 4, in, lossyColour, 0},
		"bytes behind it":            {append(webpFile(vp8), "garbage"...), 4, in, lossyColour, 0},
		"animated": {webpFile(webpScreen(animation, 4, 4), anim, webpAnimated(0, 0, vp8),
			webpAnimated(0, 0, other)), 4, in, lossyColour, 0},
		"animated, lossless": {webpFile(webpScreen(animation, 4, 4), anim, webpAnimated(0, 0, vp8l),
			webpAnimated(0, 0, other)), 4, in, losslessColour, 0},
		"animated, alpha": {webpFile(webpScreen(animation|alpha, 4, 4), anim, webpAnimated(0, 0, half, vp8)),
			4, out, halfColour, 0},
		"animated, lossless and alpha": {webpFile(webpScreen(animation|alpha, 4, 4), anim, webpAnimated(0, 0, vp8l)), 4, in,
			losslessColour, 0},
		"animated, a part": {webpFile(webpScreen(animation, 8, 8), anim, webpAnimated(2, 2, vp8l),
			webpAnimated(0, 0, other)), 8, out, losslessColour, 4},
		"animated, an unknown chunk": {webpFile(webpScreen(animation, 4, 4), webpChunk("ABCD", 1), anim,
			webpAnimated(0, 0, webpChunk("EFGH", 1), vp8l)), 4, in, losslessColour, 0},
		"animated, one frame": {webpFile(webpScreen(animation, 4, 4), anim, webpAnimated(0, 0, vp8l)), 4, in,
			losslessColour, 0},
		// not Pillow's
		"animated, the second damaged": {webpFile(webpScreen(animation, 4, 4), anim, webpAnimated(0, 0, vp8l),
			webpAnimated(9, 9, other)[:30]), 4, in, losslessColour, 0},
	} {
		got, flags, err := decode(t, c.data, picture.Options{Size: c.size})
		if err != nil || flags != c.flags {
			t.Errorf("%s: flags %q, error %v, want %q", name, flags, err, c.flags)
			continue
		}
		for i := range c.size * c.size {
			want := c.colour
			if x, y := i%c.size, i/c.size; x < c.at || y < c.at {
				want = [3]uint8{}
			}
			if p := [3]uint8(got[3*i:]); p != want {
				t.Errorf("%s: pixel %d is %v, want %v", name, i, p, want)
				break
			}
		}
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"an animation of nothing": {webpFile(webpScreen(animation, 4, 4), anim), "WebP: cut short"},
		"a frame of nothing":      {webpFile(webpScreen(animation, 4, 4), anim, webpAnimated(0, 0)), "WebP: cut short"},
		"a frame beyond its screen": {webpFile(webpScreen(animation, 6, 6), anim, webpAnimated(2, 0, vp8l)),
			"WebP: pixels of (4,0)-(8,4), but a screen of (0,0)-(6,6)"},
		"a still smaller than its head": {webpFile(webpScreen(0, 9, 9), vp8),
			"WebP: pixels of (0,0)-(4,4), but a screen of (0,0)-(9,9)"},
		"a huge screen": {webpFile(webpChunk("VP8X", 2, 0, 0, 0, 255, 255, 255, 255, 255, 255),
			webpAnimated(0, 0, vp8l)), "WebP: 16777216x16777216 pixels: want 1 to"},
		"a chunk of 4 GiB": {append(webpFile(), "ABCD\xff\xff\xff\xff"...), "WebP: cut short"},
	} {
		if _, _, err := decode(t, c.data, picture.Options{Size: 4}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}
