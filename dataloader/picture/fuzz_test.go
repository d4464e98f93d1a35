package picture_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"testing"

	"duet/dataloader/picture"
)

// FuzzDecode: any file gives pixels or an error, and the same again, with every option.
func FuzzDecode(f *testing.F) {
	box := image.Rect(0, 0, 9, 8)
	for _, data := range [][]byte{
		encodeJPEG(photo(40, 24)), encodePNG(photo(9, 8)), interlacedPNG(box, [3]byte{1, 2, 3}), encodeGIF(photo(9, 8)),
		encodePNG(image.NewNRGBA64(box)), encodePNG(image.NewGray16(box)),
		encodePNG(image.NewPaletted(box, []colour{black, white})),
		bmpFile(9, 8, [3]byte{1, 2, 3}), losslessWebP(9, 8, [3]byte{1, 2, 3}),
		withEXIF(encodePNG(photo(9, 8)), exif(binary.BigEndian, 6)),
		flatJPEG{values: []uint8{1, 2, 3, 4}, adobe: true, transform: 2}.encode(),
		flatJPEG{values: []uint8{77}, orientation: 6}.encode(),
		flatJPEG{width: 24, height: 17, values: []uint8{150, 90, 160}, progressive: true}.encode(),
		insertRestart(flatJPEG{width: 16, height: 16, values: []uint8{9, 9, 9}, names: "RGB"}.encode()),
		gifFile{screen: [2]int{2, 2}, colours: 4, before: transparentColour(3), frame: [4]int{1, 1, 3, 3}, flags: 0xc0,
			numbers: []byte{0, 1, 0, 1, 1, 1, 0, 1, 0}}.encode(),
		pngOf(header(8, 3, 0), palette, "tRNS\x00", idat(make([]byte, 30)), idat(nil)),
		pngOf(header(16, 6, 1), idat(make([]byte, 99))),
		spoil(pngOf(header(8, 2, 0), idat(rawRows(3)), "tEXtabc"), "IDAT"), bmpVariants["565"].encode(),
		bmpVariants["OS/2, 4 bits"].encode(), bmpVariants["32 bits, alpha"].encode(),
		webpFile(webpScreen(18, 8, 8), webpAnimated(1, 1, webpChunk("ALPH", make([]byte, 17)...),
			string(losslessWebP(4, 4, [3]byte{9, 8, 7})[12:]))),
		bmpVariant{header: 40, bits: 4, compression: 2, colours: 16,
			runs: []byte{9, 1, 0, 2, 1, 1, 0, 5, 1, 2, 3, 0, 0, 1}}.encode(),
	} {
		f.Add(data, uint8(8), true)
		f.Add(data, uint8(33), false)
		f.Add(data[:len(data)*3/4], uint8(16), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8, option bool) {
		if width, height, err := picture.Bounds(data); err == nil && width*height > 1<<20 {
			return // takes long, and the fuzzer is after other things
		}
		o := picture.Options{Size: max(int(size), 1), Reading: picture.Reading{EXIF: option, AllowTruncated: option}}
		d, err := picture.New(o)
		check(t, err)
		defer d.Close()
		first, second := make([]byte, o.Size*o.Size*3), make([]byte, o.Size*o.Size*3)
		flags, err := d.Decode(first, data)
		again, errAgain := d.Decode(second, data)
		if flags != again || (err == nil) != (errAgain == nil) || err == nil && !bytes.Equal(first, second) {
			t.Fatalf("decoded twice, flags %q and %q, errors %v and %v, equal pixels %v", flags, again, err, errAgain,
				bytes.Equal(first, second))
		}
		if err == nil && flags&picture.Truncated != 0 && !option {
			t.Fatalf("flags %q, which was not allowed", flags)
		}
		if err != nil && bytes.Contains([]byte(err.Error()), []byte("panicked")) {
			t.Fatal(err)
		}
	})
}

// FuzzEXIF: any EXIF data leave the picture decodable, in one of the eight orientations.
func FuzzEXIF(f *testing.F) {
	f.Add(exif(binary.BigEndian, 6))
	f.Add(exif(binary.LittleEndian, 8))
	f.Add(exif(binary.LittleEndian, 9))
	plain := flatJPEG{values: []uint8{77}}.encode()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 60000 {
			return // no segment is as long
		}
		for _, data := range [][]byte{withEXIF(plain, b), withEXIF(encodePNG(image.NewGray(image.Rect(0, 0, 4, 4))), b)} {
			_, flags, err := decodeAny(data, picture.Options{Size: 4, Reading: picture.Reading{EXIF: true}})
			if err != nil || flags&^(picture.Grey|picture.Oriented|picture.NotJPEG) != 0 {
				t.Fatalf("flags %q, error %v", flags, err)
			}
		}
	})
}
