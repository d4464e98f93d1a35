package picture_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"testing"

	"duet/dataloader/picture"
)

// upright turns a stored picture as EXIF's table of the eight orientations says.
func upright(m *image.RGBA, orientation int) *image.RGBA {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	outW, outH := w, h
	if orientation >= 5 {
		outW, outH = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, outW, outH))
	for y := range outH {
		for x := range outW {
			from := [...]image.Point{1: {x, y}, 2: {w - 1 - x, y}, 3: {w - 1 - x, h - 1 - y}, 4: {x, h - 1 - y},
				5: {y, x}, 6: {y, h - 1 - x}, 7: {w - 1 - y, h - 1 - x}, 8: {w - 1 - y, x}}[orientation]
			out.Set(x, y, m.At(from.X, from.Y))
		}
	}
	return out
}

// withEXIF puts an APP1 segment into a JPEG, an eXIf chunk into a PNG.
func withEXIF(data, exif []byte) []byte {
	if data[0] == 0xff {
		body := append([]byte("Exif\x00\x00"), exif...)
		head := []byte{0xff, 0xd8, 0xff, 0xe1, byte((len(body) + 2) >> 8), byte(len(body) + 2)}
		return append(append(head, body...), data[2:]...)
	}
	const header = 8 + 25 // signature and IHDR
	chunk := pngOf("eXIf" + string(exif))[8:]
	return append(append(append([]byte(nil), data[:header]...), chunk...), data[header:]...)
}

// TestOrientations compares with pictures that were turned before. The passes of the resampling come in another order
// then, each with its own rounding, so that bytes may differ by a little.
func TestOrientations(t *testing.T) {
	for _, box := range []image.Point{{64, 48}, {40, 57}, {33, 32}, {32, 32}} {
		stored := photo(box.X, box.Y)
		for orientation := 1; orientation <= 8; orientation++ {
			want := encodePNG(upright(stored, orientation))
			for name, order := range map[string]binary.AppendByteOrder{"II": binary.LittleEndian, "MM": binary.BigEndian} {
				for format, data := range map[string][]byte{"JPEG": encodeJPEG(stored), "PNG": encodePNG(stored)} {
					t.Run(fmt.Sprintf("%v/%d/%s/%s", box, orientation, name, format), func(t *testing.T) {
						const size = 32
						want, tolerance := want, 2
						if format == "JPEG" { // compared with the JPEG as it decodes unturned, turned
							plain, err := jpeg.Decode(bytes.NewReader(data))
							check(t, err)
							m := image.NewRGBA(plain.Bounds())
							for y := range box.Y {
								for x := range box.X {
									m.Set(x, y, plain.At(x, y))
								}
							}
							want = encodePNG(upright(m, orientation))
							tolerance = 12 // the two decoders interpolate chroma differently
						}
						data := withEXIF(data, exif(order, uint16(orientation)))
						wantPixels, _, err := decode(t, want, picture.Options{Size: size})
						check(t, err)
						got, flags, err := decode(t, data, picture.Options{Size: size, Reading: picture.Reading{EXIF: true}})
						check(t, err)
						for i := range got {
							if d := int(got[i]) - int(wantPixels[i]); d < -tolerance || d > tolerance {
								t.Fatalf("byte %d is %d, want %d", i, got[i], wantPixels[i])
							}
						}
						if oriented := flags&picture.Oriented != 0; oriented != (orientation != 1) {
							t.Errorf("flags %q", flags)
						}
						ignored, flags, err := decode(t, data, picture.Options{Size: size})
						check(t, err)
						if flags&picture.Oriented != 0 || orientation != 1 && bytes.Equal(ignored, got) {
							t.Errorf("turned without Options.EXIF: flags %q", flags)
						}
					})
				}
			}
		}
	}
}

// TestEXIFNonsense: EXIF data that make no sense leave the picture as it is.
func TestEXIFNonsense(t *testing.T) {
	good := exif(binary.BigEndian, 6)
	change := func(at int, value ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], value)
		return b
	}
	data := encodeJPEG(photo(40, 32))
	want, _, err := decode(t, data, picture.Options{Size: 32})
	check(t, err)
	for name, b := range map[string][]byte{
		"empty": nil, "short": good[:7], "no entries": good[:10], "half an entry": good[:18], "byte order": change(0, 'X', 'X'),
		"not 42": change(2, 0, 43), "far directory": change(4, 0xff, 0xff, 0xff, 0xff), "directory at the end": change(4, 0, 0, 0, 25),
		"type": change(12, 0, 4), "count": change(14, 0, 0, 0, 2), "zero": change(18, 0, 0), "nine": change(18, 0, 9), "another tag": change(10, 1, 0x13),
	} {
		got, flags, err := decode(t, withEXIF(data, b), picture.Options{Size: 32, Reading: picture.Reading{EXIF: true}})
		if err != nil || flags != 0 || !bytes.Equal(got, want) {
			t.Errorf("%s: flags %q, error %v; want the picture as it is", name, flags, err)
		}
	}
}
