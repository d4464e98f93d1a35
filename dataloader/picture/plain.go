//go:build !(turbo && cgo)

package picture

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
)

// engine is the decoder of JPEG and the resampler of this build: Go's own.
type engine struct{ resampler }

func (*engine) open() error           { return nil }
func (*engine) close()                {}
func (*engine) axes(x, y *axis) error { return nil }

// Version names what decodes JPEG.
func Version() string { return "Go image/jpeg" }

func (d *Decoder) jpeg(dst, data []byte, h jpegHeader) (Flags, error) {
	flags := h.flags()
	m, err := jpeg.Decode(h.reader(data))
	if err != nil || !h.ended {
		err = truncatedJPEG(err, h)
		if !d.o.AllowTruncated {
			return 0, err
		}
		if m, err = partialJPEG(data, h, err); err != nil {
			return 0, err
		}
		flags |= Truncated
	}
	o := d.orientation(&h.metadata)
	if o != upright {
		flags |= Oriented
	}
	return flags, d.fit(dst, m, o)
}

// EncodeJPEG makes a JPEG of [size,size,3] RGB at a quality of 1 to 100, its chroma at half the resolution (4:2:0):
// Go's encoder knows nothing else.
func EncodeJPEG(pixels []byte, size, quality int) ([]byte, error) {
	if err := checkEncode(pixels, size, quality); err != nil {
		return nil, err
	}
	m := image.NewRGBA(image.Rect(0, 0, size, size))
	for i, j := 0, 0; i < len(pixels); i, j = i+3, j+4 {
		m.Pix[j], m.Pix[j+1], m.Pix[j+2], m.Pix[j+3] = pixels[i], pixels[i+1], pixels[i+2], 255
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// adobeMarker says that four components are CMYK: Go's decoder does not guess.
const adobeMarker = "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"

// reader gives the file to Go's decoder.
func (h *jpegHeader) reader(data []byte) io.Reader {
	if h.components == 4 && !h.adobe {
		return io.MultiReader(bytes.NewReader(data[:2]), bytes.NewReader([]byte(adobeMarker)), bytes.NewReader(data[2:]))
	}
	return bytes.NewReader(data)
}
