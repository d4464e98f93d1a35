package picture_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"strings"
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

// entryOf is EXIF data with the orientation as a number of any type: count numbers in value, which stand behind the
// directory if they take more than four bytes.
func entryOf(order binary.AppendByteOrder, kind uint16, count uint32, value any) []byte {
	b := exif(order, 0)[:10+8]
	var numbers bytes.Buffer
	if err := binary.Write(&numbers, order.(binary.ByteOrder), value); err != nil {
		panic(err)
	}
	order.(binary.ByteOrder).PutUint16(b[12:], kind)
	order.(binary.ByteOrder).PutUint32(b[14:], count)
	if numbers.Len() > 4 {
		return append(order.AppendUint32(order.AppendUint32(b, 26), 0), numbers.Bytes()...)
	}
	return append(append(b, numbers.Bytes()...), make([]byte, 8-numbers.Len())...)
}

// app1 puts APP1 segments into a JPEG, chunks puts chunks behind a PNG's header.
func app1(data []byte, bodies ...string) []byte {
	b := bytes.Clone(data[:2])
	for _, body := range bodies {
		b = append(append(b, 0xff, 0xe1, byte((len(body)+2)>>8), byte(len(body)+2)), body...)
	}
	return append(b, data[2:]...)
}

func chunks(data []byte, all ...string) []byte {
	const header = 8 + 25 // signature and IHDR
	return append(append(bytes.Clone(data[:header]), pngOf(all...)[8:]...), data[header:]...)
}

// TestEXIFVariants: wherever and however the orientation is written, a picture is turned as Pillow 13 turns it.
func TestEXIFVariants(t *testing.T) {
	const prefix, xmp = "Exif\x00\x00", "http://ns.adobe.com/xap/1.0/\x00"
	const attribute, element = `<rdf:Description tiff:Orientation="6"/>`, `<tiff:Orientation>6</tiff:Orientation>`
	le, be := binary.AppendByteOrder(binary.LittleEndian), binary.AppendByteOrder(binary.BigEndian)
	short := string(exif(be, 6))
	swapped := short[:2] + "\x2a\x00" + short[4:]
	long := string(entryOf(le, 4, 1, uint32(6)))
	raw := "\nexif\n      32\n" + hex.EncodeToString([]byte(prefix + short))[:20] + "\n" +
		hex.EncodeToString([]byte(prefix + short))[20:] + "\n"
	jpegFile, pngFile, webpData := encodeJPEG(photo(40, 32)), encodePNG(photo(40, 32)), losslessWebP(4,
		4, [3]byte{1, 2, 3})[12:]
	webp := func(chunks ...string) []byte {
		return webpFile(append([]string{webpScreen(0, 4, 4), string(webpData)}, chunks...)...)
	}
	numbers := map[string][]byte{
		"long": entryOf(be, 4, 1, uint32(6)), "two": entryOf(be, 3, 2, [2]uint16{6, 3}),
		"three":     entryOf(be, 3, 3, [3]uint16{6, 1, 1}),
		"two longs": entryOf(be, 4, 2, [2]uint32{6, 1}), "signed byte": entryOf(be, 6, 1, int8(6)),
		"signed short": entryOf(be, 8, 1, int16(6)),
		"signed long":  entryOf(be, 9, 1, int32(6)), "ratio": entryOf(be, 5, 1, [2]uint32{12, 2}),
		"signed ratio": entryOf(be, 10, 1, [2]int32{-6, -1}),
		"float":        entryOf(be, 11, 1, float32(6)), "double": entryOf(be, 12, 1, 6.),
		"directory": entryOf(be, 13, 1, uint32(6)),
		"64 bits":   entryOf(be, 16, 1, uint64(6)), "long II": entryOf(le, 4, 1, uint32(6)),
		"three II": entryOf(le, 3, 3, [3]uint16{6, 1, 1}),
	}
	turned := map[string][]byte{
		"JPEG, the header's number swapped": app1(jpegFile, prefix+swapped),
		"JPEG, the prefix twice":            app1(jpegFile, prefix+prefix+short),
		"JPEG, in two segments":             app1(jpegFile, prefix+short[:20], prefix+short[20:]),
		"JPEG, two of them":                 app1(jpegFile, prefix+short, prefix+string(exif(be, 3))),
		"JPEG, XMP's attribute":             app1(jpegFile, xmp+attribute),
		"JPEG, XMP's element":               app1(jpegFile, xmp+element),
		"JPEG, XMP beside EXIF without it":  app1(jpegFile, prefix+string(entryOf(be, 2, 2, [2]byte{'6'})), xmp+element),
		"JPEG, EXIF before another XMP":     app1(jpegFile, xmp+`tiff:Orientation="3"`, prefix+short),
		"PNG, a prefix":                     chunks(pngFile, "eXIf"+prefix+short),
		"PNG, the prefix twice":             chunks(pngFile, "eXIf"+prefix+prefix+short), // not Pillow's
		"PNG, behind the pixels": append(bytes.Clone(pngFile[:len(pngFile)-12]),
			pngOf("eXIf"+short, "IEND")[8:]...),
		"PNG, the second counts":             chunks(pngFile, "eXIf"+string(exif(be, 3)), "eXIf"+short),
		"PNG, ImageMagick's text":            chunks(pngFile, "tEXtRaw profile type exif\x00"+raw),
		"PNG, ImageMagick's packed text":     chunks(pngFile, "zTXtRaw profile type exif\x00\x00"+idat([]byte(raw))[4:]),
		"PNG, ImageMagick's text of Unicode": chunks(pngFile, "iTXtRaw profile type exif\x00\x00\x00\x00\x00"+raw),
		"PNG, EXIF before ImageMagick's text": chunks(pngFile, "eXIf"+short,
			"tEXtRaw profile type exif\x00"+strings.ReplaceAll(raw, "0006", "0003")),
		"PNG, XMP": chunks(pngFile, "iTXtXML:com.adobe.xmp\x00\x00\x00\x00\x00"+attribute),
		"PNG, packed XMP": chunks(pngFile,
			"iTXtXML:com.adobe.xmp\x00\x01\x00en\x00xmp\x00"+idat([]byte(attribute))[4:]),
		"WebP, long":                     webp(webpChunk("EXIF", []byte(long)...)),
		"WebP, behind an odd length":     webp(webpChunk("ABCD", 1), webpChunk("EXIF", []byte(short)...)),
		"WebP, before a chunk cut short": append(webp(webpChunk("EXIF", []byte(short)...)), "EXIF\x09\x00\x00\x00"...),
		"WebP, a prefix":                 webp(webpChunk("EXIF", []byte(prefix+long)...)),
		"WebP, XMP":                      webp(webpChunk("XMP ", []byte(element)...)),
	}
	for name, b := range numbers {
		turned["JPEG, "+name], turned["PNG, "+name] = app1(jpegFile, prefix+string(b)), chunks(pngFile, "eXIf"+string(b))
	}
	want := map[string][]byte{}
	for format, data := range map[string][]byte{"JPEG": app1(jpegFile, prefix+short), "PNG": chunks(pngFile, "eXIf"+short),
		"WebP": webp(webpChunk("EXIF", []byte(short)...))} {
		pixels, flags, err := decode(t, data, picture.Options{Size: 32, Reading: picture.Reading{EXIF: true}})
		if check(t, err); flags&picture.Oriented == 0 {
			t.Fatalf("%s: flags %q", format, flags)
		}
		want[format] = pixels
	}
	for name, data := range turned {
		got, flags, err := decode(t, data, picture.Options{Size: 32, Reading: picture.Reading{EXIF: true}})
		format, _, _ := strings.Cut(name, ",")
		if err != nil || flags&picture.Oriented == 0 || !bytes.Equal(got, want[format]) {
			t.Errorf("%s: flags %q, error %v, or other pixels", name, flags, err)
		}
		if _, flags, err := decode(t, data, picture.Options{Size: 32}); err != nil || flags&picture.Oriented != 0 {
			t.Errorf("%s, not asked for: flags %q, error %v", name, flags, err)
		}
	}
	for name, data := range map[string][]byte{
		"out of range beside XMP":       app1(jpegFile, prefix+string(exif(be, 9)), xmp+element),
		"upright beside XMP":            app1(jpegFile, prefix+string(exif(be, 1)), xmp+element),
		"a chunk of 4 GiB":              append(webp(), "EXIF\xff\xff\xff\xff"+short...),
		"a chunk a byte too short":      append(webp(), "EXIF"+string([]byte{byte(len(short) + 1), 0, 0, 0})+short...),
		"half a chunk's head":           append(webp(), "EXIF\x00\x00\x00"...),
		"half an orientation":           app1(jpegFile, prefix+string(entryOf(be, 5, 1, [2]uint32{13, 2}))),
		"a ratio of nothing":            app1(jpegFile, prefix+string(entryOf(be, 5, 1, [2]uint32{0, 0}))),
		"XMP's 0":                       app1(jpegFile, xmp+`tiff:Orientation="0"`),
		"a wrong checksum":              spoil(chunks(pngFile, "eXIf"+short), "eXIf"),
		"text of another profile":       chunks(pngFile, "tEXtRaw profile type iptc\x00"+raw),
		"text that is not hexadecimal":  chunks(pngFile, "tEXtRaw profile type exif\x00\nexif\n3\nxyz"),
		"text without lines":            chunks(pngFile, "tEXtRaw profile type exif\x00"),
		"packed text that is not":       chunks(pngFile, "zTXtRaw profile type exif\x00\x00"+raw),
		"a chunk of text without a key": chunks(pngFile, "zTXt", "iTXt", "tEXt", "iTXta\x00\x01\x00"),
	} {
		if _, flags, err := decode(t, data, picture.Options{Size: 32, Reading: picture.Reading{EXIF: true}}); err != nil ||
			flags&picture.Oriented != 0 {
			t.Errorf("%s: flags %q, error %v; want the picture as it is", name, flags, err)
		}
	}
}

// TestEXIFNonsense: EXIF data that make no sense leave the picture as it is.
func TestEXIFNonsense(t *testing.T) {
	good, other := exif(binary.BigEndian, 6), exif(binary.LittleEndian, 6)
	copy(other, "XX")
	change := func(at int, value ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], value)
		return b
	}
	data := encodeJPEG(photo(40, 32))
	want, _, err := decode(t, data, picture.Options{Size: 32})
	check(t, err)
	for name, b := range map[string][]byte{
		"empty": nil, "short": good[:7], "no entries": good[:10], "half an entry": good[:18],
		"byte order": change(0, 'X', 'X'), "no byte order": other,
		"not 42": change(2, 0, 43), "far directory": change(4, 0xff, 0xff, 0xff, 0xff),
		"directory at the end": change(4, 0, 0, 0, 25),
		"type":                 change(12, 0, 4), "no count": change(14, 0, 0, 0, 0),
		"far numbers": change(12, 0, 4, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff), "text": change(12, 0, 2, 0, 0, 0, 2, '6'),
		"zero": change(18, 0, 0), "nine": change(18, 0, 9), "another tag": change(10, 1, 0x13),
	} {
		got, flags, err := decode(t, withEXIF(data, b), picture.Options{Size: 32, Reading: picture.Reading{EXIF: true}})
		if err != nil || flags != 0 || !bytes.Equal(got, want) {
			t.Errorf("%s: flags %q, error %v; want the picture as it is", name, flags, err)
		}
	}
}
