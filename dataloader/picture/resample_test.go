package picture_test

import (
	"bytes"
	"image"
	"image/color"
	"math"
	"testing"

	"duet/dataloader/picture"
	"duet/dataloader/source/mini"
)

// slowly is an independent, slow version: the Catmull-Rom kernel, widened when it shrinks, over the whole image, then
// the centre square.
func slowly(m *image.NRGBA, size int) []float64 {
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
	// Along x first, to 0 to 255 as both versions keep it between the passes.
	middle := make([]float64, h*size*3)
	for x := range size {
		wx := weights(x+(dw-size)/2, w, dw)
		for y := range h {
			for c := range 3 {
				v := 0.
				for sx := range w {
					v += wx[sx] * float64(m.Pix[m.PixOffset(sx, y)+c])
				}
				middle[(y*size+x)*3+c] = min(max(v, 0), 255)
			}
		}
	}
	out := make([]float64, size*size*3)
	for y := range size {
		wy := weights(y+(dh-size)/2, h, dh)
		for i := range size * 3 {
			v := 0.
			for sy := range h {
				v += wy[sy] * middle[sy*size*3+i]
			}
			out[y*size*3+i] = min(max(v, 0), 255)
		}
	}
	return out
}

// resizeTol is half a grey level of rounding after each pass, of which the first one's grows by the sum of the second
// one's absolute weights, 1.25 or less.
const resizeTol = 0.5 + 0.5*1.25

func TestResize(t *testing.T) {
	for _, c := range []struct{ w, h, size int }{{24, 16, 8}, {13, 29, 7}, {9, 9, 16}, {31, 31, 30}, {40, 3, 6}, {1, 1, 5},
		{1, 90, 3}, {500, 375, 256}, {200, 600, 16}, {257, 256, 256}, {300, 280, 1}, {64, 64, 64}, {65, 64, 64}} {
		m := mini.Noise(c.w, c.h)
		got, _, err := decode(t, encodePNG(m), picture.Options{Size: c.size})
		check(t, err)
		for i, want := range slowly(m, c.size) {
			if d := math.Abs(float64(got[i]) - want); !(d <= resizeTol) {
				t.Errorf("%dx%d to %d: byte %d is %d, want %.2f", c.w, c.h, c.size, i, got[i], want)
				break
			}
		}
	}
}

// TestFit: the fast paths give what the picture of a type that has none does.
func TestFit(t *testing.T) {
	type plainImage struct{ image.Image }
	const w, h = 37, 29
	m := mini.Noise(w, h)
	rgb := &picture.RGB{Width: w, Height: h}
	for i := 0; i < len(m.Pix); i += 4 {
		rgb.Pix = append(rgb.Pix, m.Pix[i:i+3]...)
	}
	clear := mini.Noise(w, h)
	for i := 3; i < len(clear.Pix); i += 4 {
		clear.Pix[i] = clear.Pix[i-1]
	}
	draw := func(to interface {
		image.Image
		Set(x, y int, c color.Color)
	}) image.Image {
		for y := range h {
			for x := range w {
				to.Set(x, y, clear.At(x, y))
			}
		}
		return to
	}
	box := image.Rect(0, 0, w, h)
	ycbcr := func(ratio image.YCbCrSubsampleRatio) image.Image {
		y := image.NewYCbCr(box, ratio)
		for _, plane := range [][]uint8{y.Y, y.Cb, y.Cr} {
			copy(plane, m.Pix)
		}
		return y
	}
	for name, m := range map[string]image.Image{
		"RGB": rgb, "NRGBA": clear, "RGBA": draw(image.NewRGBA(box)), "Gray": draw(image.NewGray(box)),
		"Gray16": draw(image.NewGray16(box)),
		"RGBA64": draw(image.NewRGBA64(box)), "CMYK": draw(image.NewCMYK(box)),
		"Paletted": draw(image.NewPaletted(box, color.Palette{color.Black, color.White, color.NRGBA{200, 100, 50, 128}})),
		"4:4:4":    ycbcr(image.YCbCrSubsampleRatio444), "4:2:2": ycbcr(image.YCbCrSubsampleRatio422),
		"4:2:0": ycbcr(image.YCbCrSubsampleRatio420),
		"4:4:0": ycbcr(image.YCbCrSubsampleRatio440), "4:1:1": ycbcr(image.YCbCrSubsampleRatio411),
		"4:1:0": ycbcr(image.YCbCrSubsampleRatio410),
	} {
		parts := []image.Image{m}
		if s, ok := m.(interface {
			SubImage(image.Rectangle) image.Image
		}); ok {
			parts = append(parts, s.SubImage(image.Rect(5, 3, 30, 27)))
		}
		for _, m := range parts {
			for _, size := range []int{24, 17, 40} {
				d, err := picture.New(picture.Options{Size: size})
				check(t, err)
				defer d.Close()
				got, want := make([]byte, size*size*3), make([]byte, size*size*3)
				check(t, d.Fit(got, m))
				check(t, d.Fit(want, plainImage{m}))
				if !bytes.Equal(got, want) {
					t.Errorf("%s %v at %d: not the pixels that its At gives", name, m.Bounds(), size)
				}
			}
		}
	}
}

// TestColours: every Cb and Cr becomes the colour that color.YCbCrToRGB gives, at some of the Y.
func TestColours(t *testing.T) {
	const side = 256
	d, err := picture.New(picture.Options{Size: side})
	check(t, err)
	defer d.Close()
	m := image.NewYCbCr(image.Rect(0, 0, side, side), image.YCbCrSubsampleRatio444)
	for i := range side * side {
		m.Cb[i], m.Cr[i] = uint8(i), uint8(i>>8)
	}
	got := make([]byte, 3*side*side)
	for y := 0; y < 256; y += 15 {
		for i := range m.Y {
			m.Y[i] = uint8(y)
		}
		check(t, d.Fit(got, m))
		for i := range side * side {
			r, g, b := color.YCbCrToRGB(uint8(y), m.Cb[i], m.Cr[i])
			if want := [3]byte{r, g, b}; [3]byte(got[3*i:]) != want {
				t.Fatalf("Y %d, Cb %d, Cr %d: %v, want %v", y, m.Cb[i], m.Cr[i], got[3*i:3*i+3], want)
			}
		}
	}
}
