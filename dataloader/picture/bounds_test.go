package picture_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/picture"
)

// bound is the size that a file's header gives; with an error it is none.
func bound(t *testing.T, what string, data []byte) (width, height int, err error) {
	t.Helper()
	width, height, err = picture.Bounds(data)
	if err != nil && (width != 0 || height != 0) {
		t.Errorf("%s: %dx%d beside error %v", what, width, height, err)
	}
	return width, height, err
}

// A file is decoded up to the most pixels that its length can hold, and refused as cut short from there on.
func TestLengthForPixels(t *testing.T) {
	png := func(width uint32, depth, colour byte) []byte {
		b := []byte(pngOf("IHDR" + string(binary.BigEndian.AppendUint32(nil, width)) +
			"\x00\x00\x00\x01" + string([]byte{depth, colour, 0, 0, 0})))
		return b
	}
	for name, c := range map[string]struct {
		depth, colour byte
		most          uint32 // pixels of 33 bytes: 33 * 1032 * 8 bits, and what is rounded down
	}{
		"grey": {8, 0, 33 * 1032}, "1 bit": {1, 0, 33*1032*8 + 7}, "RGB": {8, 2, 33 * 1032 / 3}, "RGBA of 16 bits": {16, 6,
			33 * 1032 / 8},
		"grey and alpha": {8, 4, 33 * 1032 / 2}, "numbers": {4, 3, 33*1032*2 + 1},
	} {
		if w, h, err := bound(t, name, png(c.most, c.depth, c.colour)); err != nil || w != int(c.most) || h != 1 {
			t.Errorf("%s: %dx%d, error %v, want %dx1", name, w, h, err, c.most)
		}
		if _, _, err := bound(t, name, png(c.most+1, c.depth, c.colour)); !isTruncated(err) {
			t.Errorf("%s: %d pixels: error %v, want that it is cut short", name, c.most+1, err)
		}
	}
	jpeg := flatJPEG{values: []uint8{5}}.encode()
	frame := bytes.Index(jpeg, []byte{0xff, 0xc0})
	sized := func(width, height int) []byte {
		b := bytes.Clone(jpeg)
		binary.BigEndian.PutUint16(b[frame+5:], uint16(height))
		binary.BigEndian.PutUint16(b[frame+7:], uint16(width))
		return b
	}
	n := len(jpeg) // 512 pixels a byte
	if w, h, err := bound(t, "JPEG", sized(512, n)); err != nil || w != 512 || h != n {
		t.Errorf("JPEG: %dx%d, error %v", w, h, err)
	}
	if _, _, err := bound(t, "JPEG", sized(512, n+1)); !isTruncated(err) {
		t.Errorf("JPEG, a row more: error %v", err)
	}
}

// A segment that ends with the file is whole, and one of which a byte is missing is not there.
func TestLastSegment(t *testing.T) {
	data := []byte("\xff\xd8" + "\xff\xc0\x00\x0b\x08\x00\x09\x00\x0a\x01\x01\x11\x00" +
		"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" +
		"\xff\xdb\x00\x43\x00" + strings.Repeat("\x01", 64))
	if w, h, err := bound(t, "whole", data); w != 10 || h != 9 || err != nil {
		t.Errorf("%dx%d, error %v", w, h, err)
	}
	if _, _, err := bound(t, "cut", data[:len(data)-1]); err == nil ||
		!strings.Contains(err.Error(), "quantisation tables") {
		t.Errorf("cut: error %v", err)
	}
	for number := byte(1); number < 4; number++ {
		other := bytes.Clone(data)
		other[14] = number
		want := fmt.Sprintf("quantisation tables 0001 (a bit each): the frame wants %04b", 1<<number)
		if _, _, err := bound(t, "another table", other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("table %d: error %v, want %q", number, err, want)
		}
		other[len(data)-65] = number
		if _, _, err := bound(t, "the same table", other); err != nil {
			t.Errorf("table %d: error %v", number, err)
		}
	}
	for _, end := range []string{"\xff", "abc\xff", "\xff\xff", "\xff\x00\xff", "\xff\xd0abc\xff"} { // half a marker
		if _, _, err := bound(t, "half a marker", append(data[:2:2], end...)); !isTruncated(err) {
			t.Errorf("%x: error %v", end, err)
		}
	}
	for n := 2; n < 25; n++ {
		if _, _, err := bound(t, "far shorter", data[:n]); !isTruncated(err) {
			t.Errorf("cut to %d bytes: error %v", n, err)
		}
	}
}

// Files that are none, or too large, or have too many pixels, are refused by everything that takes them.
func TestNoPicture(t *testing.T) {
	wide := gifFile{screen: [2]int{8192, 8192}, colours: 2, frame: [4]int{0, 0, 1, 1}, numbers: []byte{1}}
	if w, h, err := bound(t, "as large as may be", wide.encode()); err != nil || w != 8192 || h != 8192 {
		t.Errorf("8192x8192: %dx%d, error %v", w, h, err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty": {nil, "empty file: want JPEG"},
		"text":  {[]byte("not a picture"), `starts with "not a pi": want JPEG`},
		"TIFF":  {[]byte("II*\x00 and so on"), "TIFF: not a format that is decoded"},
		"too many pixels": {gifFile{screen: [2]int{8192, 8193}, frame: [4]int{0, 0, 1, 1}, numbers: []byte{1}}.encode(),
			"GIF: 8192x8193 pixels: want 1 to 67108864 in all"},
		"BMP":  {[]byte("BM"), "BMP: cut short"},
		"GIF":  {[]byte("GIF89a\x01\x00\x01\x00\x00\x00"), "GIF: cut short"},
		"WebP": {[]byte("RIFF\x00\x00\x00\x00WEBP"), "WebP: cut short"},
		"JPEG": {[]byte("\xff\xd8\xff"), "JPEG: cut short"},
		"PNG":  {[]byte("\x89PNG\r\n\x1a\n"), "PNG: cut short"},
	} {
		_, _, err := bound(t, name, c.data)
		_, _, again := decode(t, c.data, picture.Options{Size: 8})
		for _, err := range []error{err, again} {
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s: error %v, want %q", name, err, c.want)
			}
		}
	}
	d, err := picture.New(picture.Options{Size: 8})
	check(t, err)
	pixels := make([]byte, 8*8*3)
	if flags, err := d.Decode(pixels, make([]byte, picture.MaxFileBytes+1)); flags != 0 || err == nil ||
		err.Error() != "268435457 bytes: want at most 268435456" {
		t.Errorf("a file of 256 MiB and a byte: flags %q, error %v", flags, err)
	}
	if _, err := d.Decode(pixels, make([]byte, picture.MaxFileBytes)); err == nil ||
		!strings.HasPrefix(err.Error(), "starts with") {
		t.Errorf("a file of 256 MiB: error %v", err)
	}
	for _, n := range []int{0, 8*8*3 - 1, 8*8*3 + 1} {
		if flags, err := d.Decode(make([]byte, n), encodePNG(photo(8, 8))); flags != 0 || err == nil ||
			!strings.Contains(err.Error(), "want 192, 8x8 RGB") {
			t.Errorf("%d bytes for the pixels: flags %q, error %v", n, flags, err)
		}
	}
	if err := d.Fit(pixels, &picture.RGB{}); err == nil || !strings.Contains(err.Error(), "0x0 pixels: want 1 to") {
		t.Errorf("no pixels: error %v", err)
	}
	if err := d.Fit(pixels, &picture.RGB{Width: 8192, Height: 8193}); err == nil ||
		!strings.Contains(err.Error(), "8192x8193 pixels") {
		t.Errorf("too many pixels: error %v", err)
	}
	for range 2 {
		d.Close()
	}
	if _, err := d.Decode(pixels, encodePNG(photo(8, 8))); err == nil || err.Error() != "the decoder is closed" {
		t.Errorf("closed: error %v", err)
	}
}

// ReadFile decodes a file, and says of which one an error is.
func TestReadFileErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.png")
	data := encodePNG(photo(20, 16))
	check(t, os.WriteFile(path, data, 0o666))
	want, _, err := decode(t, data, picture.Options{Size: 8})
	check(t, err)
	if got, err := picture.ReadFile(path, picture.Options{Size: 8}); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
	check(t, os.WriteFile(filepath.Join(dir, "text"), []byte("no picture"), 0o666))
	for name, c := range map[string]struct {
		size int
		want string
	}{"a.png": {0, "size 0: want 1 to 4096"}, "nowhere": {8, "no such file"}, "": {8, "is a directory"}, "text": {8,
		"starts with"}} {
		path := filepath.Join(dir, name)
		pixels, err := picture.ReadFile(path, picture.Options{Size: c.size})
		if pixels != nil || err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d bytes, error %v, want %q", name, len(pixels), err, c.want)
		}
	}
	for _, size := range []int{1, picture.MaxSize} {
		d, err := picture.New(picture.Options{Size: size})
		check(t, err)
		d.Close()
	}
	if _, err := picture.New(picture.Options{Size: picture.MaxSize + 1}); err == nil {
		t.Error("size 4097: no error")
	}
}

// An RGB is an image like those of package image, black around.
func TestRGB(t *testing.T) {
	m := &picture.RGB{Pix: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}, Width: 2, Height: 3}
	if m.Bounds() != image.Rect(0, 0, 2, 3) || !m.Opaque() {
		t.Errorf("bounds %v, opaque %t", m.Bounds(), m.Opaque())
	}
	for y := -1; y <= 3; y++ {
		for x := -1; x <= 2; x++ {
			want := [3]uint32{}
			if x >= 0 && x < 2 && y >= 0 && y < 3 {
				v := uint32(6*y + 3*x)
				want = [3]uint32{(v + 1) * 257, (v + 2) * 257, (v + 3) * 257}
			}
			r, g, b, a := m.ColorModel().Convert(m.At(x, y)).RGBA()
			if [3]uint32{r, g, b} != want || a != 0xffff {
				t.Errorf("pixel %d,%d is %d %d %d, alpha %d, want %v", x, y, r, g, b, a, want)
			}
		}
	}
}

// Flags beside the sizes of a GIF's tables of colours say nothing where there is no table.
func TestGIFFlags(t *testing.T) {
	plain := gifFile{screen: [2]int{2, 2}, frame: [4]int{0, 0, 2, 2}, numbers: []byte{0, 100, 200, 255}}
	want, _, err := decode(t, plain.encode(), picture.Options{Size: 2})
	check(t, err)
	if !bytes.Equal(want[:6], []byte{0, 0, 0, 100, 100, 100}) {
		t.Errorf("grey levels %v", want)
	}
	for _, flags := range []byte{0x01, 0x07, 0x20, 0x3f} {
		screen, frame := plain.encode(), plain
		screen[10] = flags
		frame.flags = flags
		for where, data := range map[string][]byte{"screen": screen, "frame": frame.encode()} {
			got, _, err := decode(t, data, picture.Options{Size: 2})
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the %s's flags %02x: pixels %v, error %v, want %v", where, flags, got, err, want)
			}
		}
	}
	coded := plain.encode()
	at := bytes.IndexByte(coded, 0x2c) + 10
	for bits, ok := range map[byte]bool{0: false, 1: false, 9: false, 12: false} {
		coded[at] = bits
		if _, _, err := bound(t, "codes", coded); (err == nil) != ok || err != nil &&
			!strings.Contains(err.Error(), "bits: want 2 to 8") {
			t.Errorf("codes of %d bits: error %v", bits, err)
		}
	}
	for bits := byte(2); bits <= 8; bits++ {
		coded[at] = bits
		if _, _, err := bound(t, "codes", coded); err != nil {
			t.Errorf("codes of %d bits: error %v", bits, err)
		}
	}
	for n := 6; n <= at; n++ { // the last of them is the length of codes
		if _, _, err := bound(t, "cut", coded[:n]); !isTruncated(err) {
			t.Errorf("cut to %d bytes: error %v", n, err)
		}
	}
}

// Runs that end within a jump are truncated.
func TestBMPRunsEnd(t *testing.T) {
	for _, runs := range [][]byte{{5, 1, 0, 2}, {5, 1, 0, 2, 1}, {5, 1, 0}, {5, 1, 0, 0, 5}} {
		data := bmpVariant{header: 40, bits: 8, compression: 1, colours: 2, used: 2, runs: runs}.encode()
		if _, _, err := decode(t, data, picture.Options{Size: bmpSide}); !isTruncated(err) {
			t.Errorf("%v: error %v", runs, err)
		}
		_, flags, err := decode(t, data, picture.Options{Size: bmpSide, Reading: picture.Reading{AllowTruncated: true}})
		if err != nil || flags != picture.NotJPEG|picture.Truncated {
			t.Errorf("%v, allowed: flags %q, error %v", runs, flags, err)
		}
	}
}
