package picture

import (
	"image"
	"image/color"
)

// RGB is a picture of three bytes a pixel, opaque: Pix is [Height,Width,3].
type RGB struct {
	Pix           []byte
	Width, Height int
}

// ColorModel is RGBA's, of which alpha is always 255.
func (m *RGB) ColorModel() color.Model { return color.RGBAModel }

// Bounds begin at (0,0).
func (m *RGB) Bounds() image.Rectangle { return image.Rect(0, 0, m.Width, m.Height) }

// Opaque is true.
func (m *RGB) Opaque() bool { return true }

// At is the colour of a pixel, black outside.
func (m *RGB) At(x, y int) color.Color {
	if !image.Pt(x, y).In(m.Bounds()) {
		return color.RGBA{A: 255}
	}
	p := m.Pix[(y*m.Width+x)*3:]
	return color.RGBA{p[0], p[1], p[2], 255}
}

const (
	chunkRows = 16      // rows that are converted before they are resampled: of MaxPixels in a square 400 KB
	keptBytes = 4 << 20 // a buffer that grew beyond it is let go of
)

// fit brings an image of any type to dst [size,size,3], turned as its orientation says. Only the rows and columns that
// the crop needs are converted.
func (d *Decoder) fit(dst []byte, m image.Image, o orientation) error {
	b := m.Bounds()
	if err := d.replan(b.Dx(), b.Dy(), o); err != nil {
		return err
	}
	p := &d.plan
	channels, row := rowsOf(m)
	width := p.x.to - p.x.from
	stride, middleStride := width*channels+slack, p.size*channels+slack
	rows := p.y.to - p.y.from
	d.chunk = resize(d.chunk, min(rows, chunkRows)*stride+slack)
	d.middle = resize(d.middle, rows*middleStride+slack)
	for y := 0; y < rows; y += chunkRows {
		n := min(chunkRows, rows-y)
		for r := range n {
			row(d.chunk[r*stride:][:width*channels], b.Min.X+p.x.from, b.Min.Y+p.y.from+y+r)
		}
		d.engine.rows(&p.x, d.chunk, stride, n, channels, d.middle[y*middleStride:], middleStride)
	}
	d.engine.columns(&p.y, d.middle, middleStride, rows, p.size*channels, dst[:p.size*p.size*channels])
	if channels == 1 {
		repeatGrey(dst)
	}
	d.turn(dst, o)
	if len(d.middle) > keptBytes {
		d.middle = nil
	}
	return nil
}

// replan plans for a picture's size and orientation, and tells the engine if that is new.
func (d *Decoder) replan(width, height int, o orientation) error {
	if !d.plan.set(width, height, d.o.Size, o) {
		return nil
	}
	err := d.engine.axes(&d.plan.x, &d.plan.y)
	if err != nil {
		d.plan = plan{}
	}
	return err
}

func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// repeatGrey spreads the first third of dst over its three channels, in place.
func repeatGrey(dst []byte) {
	for i := len(dst)/3 - 1; i >= 0; i-- {
		v := dst[i]
		dst[3*i], dst[3*i+1], dst[3*i+2] = v, v, v
	}
}

// turn turns the square to what is upright.
func (d *Decoder) turn(dst []byte, o orientation) {
	if o == upright {
		return
	}
	swap, flipX, flipY := o.turn()
	d.turned = append(d.turned[:0], dst...)
	size := d.o.Size
	for y := range size {
		for x := range size {
			fromX, fromY := x, y
			if swap {
				fromX, fromY = y, x
			}
			if flipX {
				fromX = size - 1 - fromX
			}
			if flipY {
				fromY = size - 1 - fromY
			}
			copy(dst[(y*size+x)*3:][:3], d.turned[(fromY*size+fromX)*3:])
		}
	}
}
