package dataloader

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // the formats that are read
	_ "image/png"
	"os"

	"golang.org/x/image/draw"
)

// Bounds on one image of a source: of its file, and of what it decodes to.
const (
	maxFileBytes = 256 << 20
	maxPixels    = 64 << 20
)

// ReadImage reads a JPEG or PNG file as Prepare would: [size,size,3], RGB, the shorter side resized and the centre kept.
func ReadImage(path string, size int) ([]byte, error) {
	if size < 1 || size > maxSide {
		return nil, fmt.Errorf("%s: size %d: want 1 to %d pixels", path, size, maxSide)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := decodeImage(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pixels := make([]byte, size*size*3)
	newFitter(size).fit(pixels, m)
	return pixels, nil
}

// decodeImage decodes a JPEG or PNG file, whatever its name; it looks at the header's size before it decodes.
func decodeImage(data []byte) (image.Image, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("empty file")
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err == image.ErrFormat {
		return nil, fmt.Errorf("neither JPEG nor PNG: starts with %.8q", data)
	}
	if err != nil {
		return nil, err
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return nil, fmt.Errorf("%dx%d pixels: want 1 to %d", config.Width, config.Height, maxPixels)
	}
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil && bytes.HasPrefix(data, []byte("\xff\xd8")) && !bytes.Contains(data[len(data)/2:], []byte("\xff\xd9")) {
		return nil, fmt.Errorf("cut short: a JPEG of %d bytes without its end marker: %w", len(data), err)
	}
	return m, err
}

// A fitter brings images of any colour model and size to squares of RGB bytes. It reuses its buffers: one a goroutine.
type fitter struct {
	size   int
	whole  *image.RGBA // the image, premultiplied: transparency over black
	square *image.RGBA // [size, size]
}

func newFitter(size int) *fitter {
	return &fitter{size: size, whole: &image.RGBA{}, square: image.NewRGBA(image.Rect(0, 0, size, size))}
}

// fit writes the image, its shorter side resized and its centre kept, to dst [size,size,3].
func (f *fitter) fit(dst []byte, m image.Image) {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	f.convert(m)
	from := f.whole
	if w != f.size || h != f.size {
		// The whole image is scaled, and its centre lands in the square: pixels beyond the edge of the crop have their
		// weight in those inside it, as when the scaled image is cropped afterwards.
		sw, sh := f.size, f.size
		if w > h {
			sw = max(f.size, (w*f.size+h/2)/h)
		} else {
			sh = max(f.size, (h*f.size+w/2)/w)
		}
		at := image.Rect(0, 0, sw, sh).Sub(image.Pt((sw-f.size)/2, (sh-f.size)/2))
		draw.CatmullRom.Scale(f.square, at, f.whole, f.whole.Bounds(), draw.Src, nil)
		from = f.square
	}
	for i, j := 0, 0; i+2 < len(dst); i, j = i+3, j+4 {
		dst[i], dst[i+1], dst[i+2] = from.Pix[j], from.Pix[j+1], from.Pix[j+2]
	}
}

// convert draws m into f.whole.
func (f *fitter) convert(m image.Image) {
	b := m.Bounds()
	n := b.Dx() * b.Dy() * 4
	if cap(f.whole.Pix) < n {
		f.whole.Pix = make([]byte, n)
	}
	f.whole.Pix, f.whole.Stride, f.whole.Rect = f.whole.Pix[:n], b.Dx()*4, image.Rect(0, 0, b.Dx(), b.Dy())
	draw.Draw(f.whole, f.whole.Rect, m, b.Min, draw.Src)
}
