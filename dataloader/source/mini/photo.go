package mini

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"

	"duet/internal/rng"
)

// picture is an image with the detail of a photograph rather than of noise, of 40 to 103 pixels a side.
func picture(seed uint64, class, k uint32) *image.RGBA {
	s := rng.New(seed, rng.Generate, class, k)
	w, h := 40+s.Intn(0, 64), 40+s.Intn(1, 64)
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	var wave [3][3]float64 // of each colour: period across, period down, phase
	for c := range wave {
		for i := range 3 {
			wave[c][i] = 5 + 40*float64(s.Float32(uint64(8+3*c+i)))
		}
	}
	for y := range h {
		for x := range w {
			p := m.Pix[m.PixOffset(x, y):]
			for c, f := range wave {
				p[c] = uint8(127 + 100*math.Sin(float64(x)/f[0]+f[2])*math.Cos(float64(y)/f[1]) + 20*math.Sin(float64(x*y)/900))
			}
			p[3] = 255
		}
	}
	return m
}

func photo(seed uint64, class, k uint32) []byte { return encodeJPEG(picture(seed, class, k)) }

func encodeJPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

func pngPhoto(seed uint64) []byte { return encodePNG(picture(seed, 1<<21, 0)) }

func encodePNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

func greyPhoto(seed uint64) []byte {
	m := picture(seed, 1<<21, 1)
	grey := image.NewGray(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			grey.Set(x, y, color.GrayModel.Convert(m.At(x, y)))
		}
	}
	return encodeJPEG(grey)
}

// CMYK is a JPEG of four inks as Adobe writes them, inverted: 8x8 squares of one colour each, w and h multiples of 8.
// The Go library reads such files, but writes none. Source: ITU-T T.81, annexes B and F.
func CMYK(w, h int) []byte {
	b := []byte{0xff, 0xd8}
	segment := func(marker byte, data ...byte) {
		b = append(b, 0xff, marker)
		b = binary.BigEndian.AppendUint16(b, uint16(len(data)+2))
		b = append(b, data...)
	}
	segment(0xee, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0) // APP14; the last: no transform, CMYK
	quant := make([]byte, 65)
	for i := range quant[1:] {
		quant[1+i] = 8 // a DC coefficient of 1 is then a grey level
	}
	segment(0xdb, quant...)
	frame := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), 4}
	scan := []byte{4}
	for id := byte(1); id <= 4; id++ {
		frame, scan = append(frame, id, 0x11, 0), append(scan, id, 0)
	}
	segment(0xc0, frame...)
	// DC categories 0 to 11 have codes of 4 bits, equal to themselves; of the AC codes there is only "end of block", 0.
	dc := append([]byte{0, 0, 0, 0, 12}, make([]byte, 12)...)
	for k := range byte(12) {
		dc = append(dc, k)
	}
	segment(0xc4, dc...)
	segment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0)...)
	segment(0xda, append(scan, 0, 63, 0)...)
	var bits bitWriter
	var last [4]int
	for y := range h / 8 {
		for x := range w / 8 {
			for ink, v := range [4]int{40 + 20*x, 220 - 15*y, 128 + 8*(x-y), 230} {
				bits.dc(v - 128 - last[ink])
				last[ink] = v - 128
				bits.put(0, 1) // end of block
			}
		}
	}
	bits.put(0x7f, 7) // fills the last byte
	return append(append(b, bits.out...), 0xff, 0xd9)
}

// A bitWriter writes a scan's bits, a zero byte after every 0xff.
type bitWriter struct {
	out  []byte
	word uint32
	n    int
}

func (w *bitWriter) put(v uint32, n int) {
	for n--; n >= 0; n-- {
		w.word = w.word<<1 | v>>n&1
		if w.n++; w.n == 8 {
			w.out = append(w.out, byte(w.word))
			if byte(w.word) == 0xff {
				w.out = append(w.out, 0)
			}
			w.word, w.n = 0, 0
		}
	}
}

// dc writes a difference of DC coefficients: the code of its category, then its bits.
func (w *bitWriter) dc(diff int) {
	size, v := 0, max(diff, -diff)
	for ; v > 0; v >>= 1 {
		size++
	}
	w.put(uint32(size), 4)
	if diff < 0 {
		diff += 1<<size - 1
	}
	w.put(uint32(diff), size)
}
