package look

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Formats are the endings of the files that a picture can be written to.
var Formats = []string{".svg", ".png"}

// A Picture is something drawn.
type Picture struct {
	Width, Height float64 // in pixels; a PNG has pngScale times as many on each side
	paint         func(c *canvas)
}

// px is a pixel of a screen, of which CSS has 96 an inch.
const px = vg.Inch / 96

// pngScale is how many pixels of a PNG a pixel of a picture is on each side.
const pngScale = 2

// Encode gives the picture in one of Formats.
func (p Picture) Encode(format string) ([]byte, error) {
	w, h := vg.Length(p.Width)*px, vg.Length(p.Height)*px
	var c vg.CanvasWriterTo
	switch format {
	case ".svg":
		c = vgsvg.NewWith(vgsvg.UseWH(w, h))
	case ".png":
		c = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(96*pngScale))}
	default:
		return nil, fmt.Errorf("a picture as %q: want one of %s", format, strings.Join(Formats, ", "))
	}
	p.paint(&canvas{c, p.Height, px, font.NewCache(liberation.Collection())})
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	// Arial and Helvetica are as wide as Liberation Sans, which few machines have.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

// A canvas is drawn on in pixels, or units of its own, from the top left.
type canvas struct {
	vg.Canvas
	height float64
	unit   vg.Length
	fonts  *font.Cache
}

// scaled is the same canvas in units of so many of its own.
func (c *canvas) scaled(by float64) *canvas {
	return &canvas{c.Canvas, c.height / by, c.unit * vg.Length(by), c.fonts}
}

// at is a point of the canvas beneath, which begins at the bottom.
func (c *canvas) at(x, y float64) vg.Point {
	return vg.Point{X: vg.Length(x) * c.unit, Y: vg.Length(c.height-y) * c.unit}
}

// rect draws a rectangle with its border, which may be nil.
func (c *canvas) rect(x, y, w, h float64, fill, border color.Color) {
	path := polygon(c.at(x, y), c.at(x+w, y), c.at(x+w, y+h), c.at(x, y+h))
	c.SetColor(fill)
	c.Fill(path)
	if border != nil {
		c.SetColor(border)
		c.SetLineWidth(1.5 * c.unit)
		c.Stroke(path)
	}
}

func polygon(points ...vg.Point) (path vg.Path) {
	for i, p := range points {
		if i == 0 {
			path.Move(p)
		} else {
			path.Line(p)
		}
	}
	path.Close()
	return path
}

// line draws a line from (x, y) to (u, v).
func (c *canvas) line(x, y, u, v, width float64, ink color.Color) {
	var path vg.Path
	path.Move(c.at(x, y))
	path.Line(c.at(u, v))
	c.SetColor(ink)
	c.SetLineWidth(vg.Length(width) * c.unit)
	c.Stroke(path)
}

// arrow draws a line that ends in a head.
func (c *canvas) arrow(x, y, u, v float64, ink color.Color) {
	const long, wide = 8, 3.5
	length := math.Hypot(u-x, v-y)
	dx, dy := (u-x)/length, (v-y)/length
	bx, by := u-long*dx, v-long*dy
	c.line(x, y, bx, by, 1.5, ink)
	c.Fill(polygon(c.at(u, v), c.at(bx-wide*dy, by+wide*dx), c.at(bx+wide*dy, by-wide*dx)))
}

// A style is how a text is set.
type style struct {
	size  float64 // in the canvas's units
	bold  bool
	ink   color.Color
	align float64 // of the text's width, that lies left of its place
}

func (c *canvas) face(s style) font.Face {
	f := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if s.bold {
		f.Weight = xfont.WeightBold
	}
	return c.fonts.Lookup(f, vg.Length(s.size)*c.unit)
}

// text writes a line whose letters stand on y, and gives its width.
func (c *canvas) text(x, y float64, s style, line string) float64 {
	width := c.width(s, line)
	c.SetColor(s.ink)
	c.FillString(c.face(s), c.at(x-s.align*width, y), line)
	return width
}

// width is how wide a line would be.
func (c *canvas) width(s style, line string) float64 {
	face := c.face(s)
	return float64(face.Width(line) / c.unit)
}

// image draws an image whose pixels are those of a PNG, its upper left at (x, y).
func (c *canvas) image(x, y float64, m image.Image) {
	size := m.Bounds().Size()
	w, h := float64(size.X)/pngScale, float64(size.Y)/pngScale
	c.DrawImage(vg.Rectangle{Min: c.at(x, y+h), Max: c.at(x+w, y)}, m)
}
