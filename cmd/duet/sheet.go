package main

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"duet/internal/disk"
)

// A cell is an image of a contact sheet with the text below it.
type cell struct {
	image *image.RGBA
	text  string
}

const (
	sheetColumns  = 8
	leastCellSide = 112 // pixels: smaller images are enlarged by a whole factor
	cellGap       = 4
	textHeight    = 16
)

// contactSheet puts cells of one size in rows.
func contactSheet(cells []cell) *image.RGBA {
	side := cells[0].image.Bounds().Dx()
	factor := max(1, (leastCellSide+side-1)/side)
	width, height := side*factor+cellGap, cells[0].image.Bounds().Dy()*factor+textHeight+cellGap
	columns := min(sheetColumns, len(cells))
	rows := (len(cells) + columns - 1) / columns
	sheet := image.NewRGBA(image.Rect(0, 0, columns*width+cellGap, rows*height+cellGap))
	draw.Draw(sheet, sheet.Bounds(), image.White, image.Point{}, draw.Src)
	for i, c := range cells {
		x, y := cellGap+i%columns*width, cellGap+i/columns*height
		enlarge(sheet, x, y, c.image, factor)
		fitting := (width - cellGap) / basicfont.Face7x13.Advance
		text := []rune(c.text)
		if len(text) > fitting {
			text = append(text[:fitting-1], '~')
		}
		d := font.Drawer{Dst: sheet, Src: image.NewUniform(color.Black), Face: basicfont.Face7x13,
			Dot: fixed.P(x, y+height-cellGap-4)}
		d.DrawString(string(text))
	}
	return sheet
}

// enlarge draws every pixel of m as a square, so that what is seen is what is there.
func enlarge(dst *image.RGBA, x, y int, m *image.RGBA, factor int) {
	b := m.Bounds()
	for v := range b.Dy() * factor {
		for u := range b.Dx() * factor {
			dst.SetRGBA(x+u, y+v, m.RGBAAt(b.Min.X+u/factor, b.Min.Y+v/factor))
		}
	}
}

// writePNG writes an image so that the file is there whole or not at all.
func writePNG(path string, m image.Image) error {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return err
	}
	return disk.Replace(path, b.Bytes())
}
