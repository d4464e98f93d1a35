package dataloader_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"testing"

	"duet/dataloader"
)

// noise is an opaque image of pseudo-random pixels.
func noise(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	state := uint32(w*1000 + h)
	for i := range m.Pix {
		state = state*1664525 + 1013904223
		m.Pix[i] = uint8(state >> 24)
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}

// hugePNG has a header of 60,000 x 60,000 pixels and little else.
func hugePNG() []byte {
	chunk := func(kind string, data []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
		b = append(append(b, kind...), data...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	header := binary.BigEndian.AppendUint32(nil, 60000)
	header = binary.BigEndian.AppendUint32(header, 60000)
	header = append(header, 8, 2, 0, 0, 0)
	return append(append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", header)...), chunk("IDAT", nil)...)
}

// fourColorJPEG is an 8x8 JPEG of four components, each the same value everywhere, with Adobe's marker: transform 0 is
// CMYK, inverted as Adobe writes it; 2 is YCCK, of which only K is inverted.
func fourColorJPEG(values [4]uint8, transform byte) []byte {
	var b bytes.Buffer
	segment := func(marker byte, data ...byte) {
		b.Write([]byte{0xff, marker, byte((len(data) + 2) >> 8), byte(len(data) + 2)})
		b.Write(data)
	}
	b.Write([]byte{0xff, 0xd8})
	segment(0xee, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, transform)
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{8}, 64)...)...) // with steps of 8, DC is value - 128
	segment(0xc0, 8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0)
	dc := append([]byte{0x00, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9) // ten codes of 4 bits
	segment(0xc4, dc...)
	segment(0xc4, append([]byte{0x10, 1}, make([]byte, 16)...)...) // one code of 1 bit: end of block
	segment(0xda, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0)
	bits, n := uint64(0), 0
	put := func(v, width int) { bits, n = bits<<width|uint64(v), n+width }
	for _, v := range values {
		diff, size := int(v)-128, 0
		for a := max(diff, -diff); a > 0; a >>= 1 {
			size++
		}
		put(size, 4)
		if diff < 0 {
			diff += 1<<size - 1
		}
		put(diff, size)
		put(0, 1)
	}
	for n%8 != 0 {
		put(1, 1)
	}
	for n -= 8; n >= 0; n -= 8 {
		b.WriteByte(byte(bits >> n))
		if byte(bits>>n) == 0xff {
			b.WriteByte(0)
		}
	}
	b.Write([]byte{0xff, 0xd9})
	return b.Bytes()
}

// fill makes an image of one colour in any colour model.
func fill[M interface {
	image.Image
	Set(x, y int, c color.Color)
}](m M, c color.Color) M {
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			m.Set(x, y, c)
		}
	}
	return m
}

func TestColorModels(t *testing.T) {
	box := image.Rect(0, 0, 8, 8)
	orange := color.NRGBA{200, 100, 50, 255}
	for name, c := range map[string]struct {
		data []byte
		want [3]int
	}{
		"RGB PNG":          {encodePNG(fill(image.NewNRGBA(box), orange)), [3]int{200, 100, 50}},
		"grey PNG":         {encodePNG(fill(image.NewGray(box), grey(77))), [3]int{77, 77, 77}},
		"16-bit PNG":       {encodePNG(fill(image.NewNRGBA64(box), color.NRGBA64{200 * 257, 100 * 257, 50 * 257, 0xffff})), [3]int{200, 100, 50}},
		"16-bit grey PNG":  {encodePNG(fill(image.NewGray16(box), color.Gray16{77*257 + 3})), [3]int{77, 77, 77}},
		"palette PNG":      {encodePNG(fill(image.NewPaletted(box, color.Palette{color.Black, orange}), orange)), [3]int{200, 100, 50}},
		"half transparent": {encodePNG(fill(image.NewNRGBA(box), color.NRGBA{200, 100, 50, 128})), [3]int{100, 50, 25}},
		"transparent":      {encodePNG(fill(image.NewNRGBA(box), color.NRGBA{200, 100, 50, 0})), [3]int{0, 0, 0}},
		"JPEG":             {encodeJPEG(fill(image.NewNRGBA(box), orange)), [3]int{200, 100, 50}},
		"grey JPEG":        {encodeJPEG(fill(image.NewGray(box), grey(77))), [3]int{77, 77, 77}},
		"CMYK JPEG":        {fourColorJPEG([4]uint8{200, 100, 50, 255}, 0), [3]int{200, 100, 50}},
		"dark CMYK JPEG":   {fourColorJPEG([4]uint8{200, 100, 50, 128}, 0), [3]int{100, 50, 25}},
		"YCCK JPEG":        {fourColorJPEG([4]uint8{77, 128, 128, 255}, 2), [3]int{178, 178, 178}},
	} {
		path := filepath.Join(t.TempDir(), "image")
		check(t, os.WriteFile(path, c.data, 0o666))
		for _, size := range []int{8, 5} {
			pixels, err := dataloader.ReadImage(path, size)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for i, v := range pixels {
				if d := int(v) - c.want[i%3]; d < -2 || d > 2 { // JPEG and alpha round
					t.Errorf("%s at %d: byte %d is %d, want %d", name, size, i, v, c.want[i%3])
					break
				}
			}
		}
	}
}

// resize is an independent, slow version: the Catmull-Rom kernel, widened when it shrinks, over the whole image, then
// the centre square.
func resize(m *image.NRGBA, size int) []float64 {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	short := float64(min(w, h))
	dw, dh := int(math.Round(float64(w*size)/short)), int(math.Round(float64(h*size)/short))
	kernel := func(x float64) float64 {
		x = math.Abs(x)
		switch {
		case x < 1:
			return 1.5*x*x*x - 2.5*x*x + 1
		case x < 2:
			return -0.5*x*x*x + 2.5*x*x - 4*x + 2
		}
		return 0
	}
	weights := func(i, from, to int) []float64 {
		step := float64(from) / float64(to)
		wide := max(step, 1)
		at, sum := (float64(i)+0.5)*step-0.5, 0.
		ws := make([]float64, from)
		for k := range ws {
			ws[k] = kernel((float64(k) - at) / wide)
			sum += ws[k]
		}
		for k := range ws {
			ws[k] /= sum
		}
		return ws
	}
	out := make([]float64, size*size*3)
	for y := range size {
		wy := weights(y+(dh-size)/2, h, dh)
		for x := range size {
			wx := weights(x+(dw-size)/2, w, dw)
			for c := range 3 {
				v := 0.
				for sy := range h {
					for sx := range w {
						v += wy[sy] * wx[sx] * float64(m.Pix[m.PixOffset(sx, sy)+c])
					}
				}
				out[(y*size+x)*3+c] = min(max(v, 0), 255)
			}
		}
	}
	return out
}

func TestResize(t *testing.T) {
	for _, c := range []struct{ w, h, size int }{{24, 16, 8}, {13, 29, 7}, {9, 9, 16}, {31, 31, 30}, {40, 3, 6}} {
		m := noise(c.w, c.h)
		path := filepath.Join(t.TempDir(), "image.png")
		check(t, os.WriteFile(path, encodePNG(m), 0o666))
		got, err := dataloader.ReadImage(path, c.size)
		check(t, err)
		for i, want := range resize(m, c.size) {
			if d := math.Abs(float64(got[i]) - want); !(d <= 1) { // one grey level of rounding
				t.Errorf("%dx%d to %d: byte %d is %d, want %.2f", c.w, c.h, c.size, i, got[i], want)
				break
			}
		}
	}
}

func TestReadImageErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.png")
	check(t, os.WriteFile(path, hugePNG(), 0o666))
	for _, c := range []struct {
		path string
		size int
	}{{path, 8}, {path, 0}, {filepath.Join(t.TempDir(), "none.png"), 8}} {
		if _, err := dataloader.ReadImage(c.path, c.size); err == nil {
			t.Errorf("%s at %d: no error", c.path, c.size)
		}
	}
}
