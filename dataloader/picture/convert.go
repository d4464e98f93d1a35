package picture

import (
	"image"
	"image/color"
)

// rowsOf gives an image's pixels as bytes of 1 (grey) or 3 channels: row fills dst with the pixels of row y from x on.
// Transparency is laid over black.
func rowsOf(m image.Image) (channels int, row func(dst []byte, x, y int)) {
	switch m := m.(type) {
	case *RGB:
		return 3, func(dst []byte, x, y int) { copy(dst, m.Pix[(y*m.Width+x)*3:]) }
	case *image.Gray:
		return 1, func(dst []byte, x, y int) { copy(dst, m.Pix[m.PixOffset(x, y):]) }
	case *image.Gray16:
		return 1, func(dst []byte, x, y int) {
			pix := m.Pix[m.PixOffset(x, y):]
			for i := range dst {
				dst[i] = pix[2*i]
			}
		}
	case *image.RGBA: // is multiplied by alpha already
		return 3, func(dst []byte, x, y int) { takeBytes(dst, m.Pix[m.PixOffset(x, y):], 4, 1) }
	case *image.RGBA64:
		return 3, func(dst []byte, x, y int) { takeBytes(dst, m.Pix[m.PixOffset(x, y):], 8, 2) }
	case *image.NRGBA:
		return 3, func(dst []byte, x, y int) { overBlack(dst, m.Pix[m.PixOffset(x, y):]) }
	case *image.Paletted:
		palette := paletteOf(m.Palette)
		return 3, func(dst []byte, x, y int) {
			pix := m.Pix[m.PixOffset(x, y):]
			for i := 0; i+2 < len(dst); i += 3 {
				c := &palette[pix[i/3]]
				dst[i], dst[i+1], dst[i+2] = c[0], c[1], c[2]
			}
		}
	case *image.YCbCr:
		if m.Rect.Min.X >= 0 {
			return 3, func(dst []byte, x, y int) { jfif.convert(dst, m, x, y) }
		}
	case *video:
		return 3, func(dst []byte, x, y int) {
			bt601.convert(dst, &m.YCbCr, x, y)
			if m.A != nil {
				alpha := m.A[m.AOffset(x, y):]
				for i := range dst {
					dst[i] = uint8(uint32(dst[i]) * 257 * uint32(alpha[i/3]) / 255 >> 8)
				}
			}
		}
	case *framed:
		channels, row := rowsOf(m.Image)
		b := m.Image.Bounds().Add(m.at)
		return channels, func(dst []byte, x, y int) {
			clear(dst)
			from, to := max(x, b.Min.X), min(x+len(dst)/channels, b.Max.X)
			if from < to && y >= b.Min.Y && y < b.Max.Y {
				row(dst[(from-x)*channels:(to-x)*channels], from-m.at.X, y-m.at.Y)
			}
		}
	case *image.CMYK:
		return 3, func(dst []byte, x, y int) { convertCMYK(dst, m.Pix[m.PixOffset(x, y):]) }
	}
	return 3, func(dst []byte, x, y int) {
		for i := 0; i+2 < len(dst); i += 3 {
			r, g, b, _ := m.At(x+i/3, y).RGBA()
			dst[i], dst[i+1], dst[i+2] = uint8(r>>8), uint8(g>>8), uint8(b>>8)
		}
	}
}

// framed is an image that was moved onto a screen that it need not cover, black elsewhere.
type framed struct {
	image.Image
	at     image.Point
	screen image.Rectangle
}

func (m *framed) Bounds() image.Rectangle { return m.screen }

// Opaque is false: the screen shows.
func (m *framed) Opaque() bool { return false }

// takeBytes takes three bytes of every pixel of so many bytes, step apart.
func takeBytes(dst, pix []byte, pixel, step int) {
	for i, j := 0, 0; i+2 < len(dst); i, j = i+3, j+pixel {
		p := pix[j : j+pixel]
		dst[i], dst[i+1], dst[i+2] = p[0], p[step], p[2*step]
	}
}

// overBlack is color.NRGBA's RGBA over a row.
func overBlack(dst, pix []byte) {
	for i, j := 0, 0; i+2 < len(dst); i, j = i+3, j+4 {
		p := pix[j : j+4]
		dst[i], dst[i+1], dst[i+2] = p[0], p[1], p[2]
		if a := uint32(p[3]); a != 255 {
			for c := range 3 {
				dst[i+c] = uint8(uint32(p[c]) * 257 * a / 255 >> 8)
			}
		}
	}
}

// paletteOf is the palette's colours over black; numbers beyond it are black.
func paletteOf(p color.Palette) (rgb [256][3]byte) {
	for i, c := range p[:min(len(p), 256)] {
		r, g, b, _ := c.RGBA()
		rgb[i] = [3]byte{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}
	}
	return rgb
}

// video is what WebP's lossy decoder gives: YCbCr of a video's range, though its type means a JPEG's, and alpha or
// none.
type video struct{ image.NYCbCrA }

func (m *video) Opaque() bool { return m.A == nil || m.NYCbCrA.Opaque() }

// A matrix brings YCbCr to RGB, in 16 bits of fraction: v = luma*(Y-black) + half + c*(Cb-128) + d*(Cr-128).
type matrix struct{ luma, black, half, redCr, greenCb, greenCr, blueCb int32 }

var (
	jfif  = matrix{0x10101, 0, 0, 91881, 22554, 46802, 116130}       // color.YCbCrToRGB: Y, Cb and Cr of 0 to 255
	bt601 = matrix{76309, 16, 1 << 15, 104597, 25675, 53279, 132201} // Y of 16 to 235, Cb and Cr of 16 to 240
)

// convert fills dst with the pixels of row y from x on. The image begins at 0 or right of it.
func (t *matrix) convert(dst []byte, m *image.YCbCr, x, y int) {
	luma := m.Y[m.YOffset(x, y):]
	shift := 0
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		shift = 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		shift = 2
	}
	from, at := x>>shift, m.COffset(x, y)
	for i := 0; i+2 < len(dst); i, x = i+3, x+1 {
		c := at + x>>shift - from
		l, cb, cr := (int32(luma[i/3])-t.black)*t.luma+t.half, int32(m.Cb[c])-128, int32(m.Cr[c])-128
		dst[i] = clampShift16(l + t.redCr*cr)
		dst[i+1] = clampShift16(l - t.greenCb*cb - t.greenCr*cr)
		dst[i+2] = clampShift16(l + t.blueCb*cb)
	}
}

func clampShift16(v int32) byte {
	if uint32(v)&0xff000000 != 0 {
		return uint8(^v >> 31)
	}
	return uint8(v >> 16)
}

// convertCMYK is color.CMYKToRGB over a row: (255-C)*(255-K)/255, as R of inverted C and K.
func convertCMYK(dst, pix []byte) {
	for i, j := 0, 0; i+2 < len(dst); i, j = i+3, j+4 {
		p := pix[j : j+4]
		k := uint32(255 - p[3])
		for c := range 3 {
			dst[i+c] = uint8(uint32(255-p[c]) * k * 257 / 255 >> 8)
		}
	}
}
