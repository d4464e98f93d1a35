package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
)

// picture is an image of one class: vertical or horizontal stripes, of a width that i decides.
func drawing(class string, i int) *image.RGBA {
	const side = 28
	img := image.NewRGBA(image.Rect(0, 0, side+i%3, side))
	for y := range side {
		for x := range side + i%3 {
			at := x
			if class == "across" {
				at = y
			}
			img.SetRGBA(x, y, color.RGBA{uint8(at / (2 + i%3) % 2 * 200), uint8(20 * i), 90, 255})
		}
	}
	return img
}

func pngOf(img image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func jpegOf(img image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// deepPNG has 16 bits a channel.
func deepPNG() []byte {
	img := image.NewNRGBA64(image.Rect(0, 0, 28, 28))
	for y := range 28 {
		for x := range 28 {
			img.SetNRGBA64(x, y, color.NRGBA64{uint16(x * 2000), uint16(y * 2000), 0x1234, 0xffff})
		}
	}
	return pngOf(img)
}

// cmykJPEG is the smallest JPEG of four inks: 8 x 8 pixels, all of them 128. Each ink's only block is one code for "the
// DC coefficient does not change" and one for "end of block", all of one bit, 0.
func cmykJPEG() []byte {
	var b bytes.Buffer
	segment := func(marker byte, data ...byte) {
		b.Write([]byte{0xff, marker, 0, byte(len(data) + 2)})
		b.Write(data)
	}
	code := func(class byte) []byte { // one code of one bit, for the symbol 0
		return append([]byte{class, 1}, make([]byte, 16)...)
	}
	b.Write([]byte{0xff, 0xd8})
	segment(0xee, append([]byte("Adobe"), 0, 100, 0, 0, 0, 0, 0)...) // transform 0: CMYK
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	segment(0xc0, 8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0)
	segment(0xc4, code(0x00)...)
	segment(0xc4, code(0x10)...)
	segment(0xda, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0)
	b.Write([]byte{0x00, 0xff, 0xd9})
	return b.Bytes()
}

// photos are a folder of two classes, JPEG and PNG.
func (p *place) photos(name string) {
	p.Helper()
	for _, class := range []string{"across", "down"} {
		for i := range 10 {
			if i%2 == 0 {
				p.write(pngOf(drawing(class, i)), name, class, fmt.Sprintf("%d.png", i))
			} else {
				p.write(jpegOf(drawing(class, i)), name, class, fmt.Sprintf("%d.jpg", i))
			}
		}
	}
}

// lyingPNG is a PNG that lies upside down, and says so in its EXIF data.
func lyingPNG(img *image.RGBA) []byte {
	turned := image.NewRGBA(img.Rect)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			turned.Set(img.Rect.Dx()-1-x, img.Rect.Dy()-1-y, img.At(x, y))
		}
	}
	data := pngOf(turned)
	// orientation 3
	const body = "eXIfMM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x03\x00\x00\x00\x00\x00\x00"
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	chunk = binary.BigEndian.AppendUint32(append(chunk, body...), crc32.ChecksumIEEE([]byte(body)))
	const header = 8 + 25 // the signature and IHDR
	return slices.Concat(data[:header], chunk, data[header:])
}
